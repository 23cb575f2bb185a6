# The shop's image: a static build of the one binary, packed without a container engine.
.PHONY: shop-image
shop-image: ## Build out/images/shop.tar, the image of all shop services
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target x86_64-unknown-linux-gnu -p shop
	@rm -rf out/shop-rootfs && mkdir -p out/shop-rootfs out/images
	@cp $${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/shop out/shop-rootfs/shop
	@deploy/images/archive.sh localhost/shop:dev out/shop-rootfs /shop 65532:65532 >out/images/shop.tar
	@ls -l out/images/shop.tar
