# Look around: the newest products, a search, and a page composed of four services
curl -sw '\n' 'URL/v1/products?limit=2'
curl -sw '\n' 'URL/v1/products?q=lamp&limit=2'
curl -sw '\n' 'URL/v1/storefront/products/PRODUCT'

# Open an account, and log in
curl -sw '\n' URL/v1/accounts -H 'content-type: application/json' -H 'idempotency-key: tour' -d '{"email":"anna@example.com","name":"Anna","password":"correct horse battery staple"}'
TOKEN=$(curl -s URL/v1/auth/token -H 'content-type: application/json' -d '{"grant_type":"password","email":"anna@example.com","password":"correct horse battery staple"}' | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')

# Put two into the cart: the tag says which cart was seen
TAG=$(curl -s -D - -o /dev/null URL/v1/cart -H "authorization: Bearer $TOKEN" | tr -d '\r' | sed -n 's/^etag: //p')
curl -sw '\n' -X PUT URL/v1/cart/items/SKU -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -H "if-match: $TAG" -d '{"quantity":2}'

# Ask what it costs: the quote is signed, and binds the shop
QUOTE=$(curl -s URL/v1/cart/quote -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{"currency":"EUR","country":"DE"}' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')

# Order, and follow the order until it is confirmed
ORDER=$(curl -s -D - -o /dev/null URL/v1/orders -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -H "idempotency-key: $RANDOM$RANDOM" -d "{\"quote\":\"$QUOTE\",\"payment_method\":\"tok_ok\"}" | tr -d '\r' | sed -n 's/^location: //p')
until curl -s "URL$ORDER" -H "authorization: Bearer $TOKEN" | grep -q '"state":"confirmed"'; do sleep 0.2; done; curl -sw '\n' "URL$ORDER" -H "authorization: Bearer $TOKEN"

# What the customer was told, as an administrator sees it
curl -sw '\n' "URL/v1/notifications?order=${ORDER##*/}" -H 'authorization: Bearer ADMIN'
