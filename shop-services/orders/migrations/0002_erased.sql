-- The customer's account was erased: customer_id is nobody's, and the card's token goes when the order comes to rest.
ALTER TABLE orders ADD COLUMN erased boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT orders_erased_at_rest CHECK (NOT erased OR step IS NOT NULL OR method = 'erased');
