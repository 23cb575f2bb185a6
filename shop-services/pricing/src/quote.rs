//! The quote: a pure function of lines, prices, promotions, coupon, rate and instant.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::money::{Currency, Money};
use shop_contracts::pricing::{CouponValue, NewCoupon, Promotion, Quote, QuoteRequest, QuotedLine, Rate};
use shop_kit::Problem;
use uuid::Uuid;

use crate::error::{known, sum};

/// Everything a quote depends on.
#[derive(Debug, Clone)]
pub struct Basis {
    /// List prices in the currency asked for, by SKU.
    pub prices: BTreeMap<String, Money>,
    /// Promotions that may run.
    pub promotions: Vec<Promotion>,
    /// The coupon that was named, if there is one of this code.
    pub coupon: Option<NewCoupon>,
    /// Delivery and tax, if the country is delivered to.
    pub rate: Option<Rate>,
    /// When it is asked for.
    pub at: Timestamp,
    /// How long it binds.
    pub ttl: Duration,
}

/// Computes what a basket costs.
///
/// Of several promotions the best counts for each line; the coupon takes its share of what is left of the goods, split
/// over the lines by largest remainder; delivery and tax are added. Every rounding is that of [`Money::share`], once
/// per sum, and its parts are split exactly.
///
/// # Errors
/// `price-unknown`, `coupon-invalid`, `no-rate`, or `amount-out-of-range`.
pub fn quote(id: Uuid, request: &QuoteRequest, basis: &Basis) -> Result<Quote, Problem> {
    let zero = Money::zero(request.currency);
    let mut lines = request
        .lines
        .iter()
        .map(|line| listed(line.sku.clone(), line.quantity, request.currency, basis))
        .collect::<Result<Vec<_>, _>>()?;
    let goods = total(zero, lines.iter().map(|l| l.net))?;
    if let Some(code) = &request.coupon {
        let off = coupon_off(code, goods, basis)?;
        let weights: Vec<u64> = lines.iter().map(|l| l.net.amount.unsigned_abs()).collect();
        for (line, part) in lines.iter_mut().zip(off.split(&weights)) {
            line.discount = line.discount.plus(part).map_err(sum)?;
            line.net = line.net.minus(part).map_err(sum)?;
        }
    }
    let discount = total(zero, lines.iter().map(|l| l.discount))?;
    let net = total(zero, lines.iter().map(|l| l.net))?;
    let rate = basis.rate.as_ref().ok_or_else(|| {
        known(ErrorCode::NoRate, format!("nothing is delivered to {} in {}", request.country, request.currency))
    })?;
    let free = rate.free_from.is_some_and(|from| net.amount >= from);
    let shipping = if free { zero } else { rate.shipping };
    let goods_tax = net.share(rate.tax_per_10k).map_err(sum)?;
    let weights: Vec<u64> = lines.iter().map(|l| l.net.amount.unsigned_abs()).collect();
    for (line, part) in lines.iter_mut().zip(goods_tax.split(&weights)) {
        line.tax = part;
    }
    let tax = goods_tax.plus(shipping.share(rate.tax_per_10k).map_err(sum)?).map_err(sum)?;
    let ttl = i64::try_from(basis.ttl.as_secs()).unwrap_or(i64::MAX);
    Ok(Quote {
        id,
        subtotal: net.plus(discount).map_err(sum)?,
        discount,
        shipping,
        tax,
        total: net.plus(shipping).and_then(|t| t.plus(tax)).map_err(sum)?,
        coupon: request.coupon.clone(),
        country: request.country.clone(),
        lines,
        iat: basis.at.as_second(),
        exp: basis.at.as_second().saturating_add(ttl),
    })
}

/// What the best promotion that runs leaves of a list price.
///
/// # Errors
/// Never for what the database holds: a part of a sum fits where the sum does.
pub fn discounted(sku: &str, list: Money, promotions: &[Promotion], at: Timestamp) -> Result<Money, Problem> {
    list.minus(list.share(best(sku, promotions, at)).map_err(sum)?).map_err(sum)
}

fn listed(sku: String, quantity: u32, currency: Currency, basis: &Basis) -> Result<QuotedLine, Problem> {
    let unit_price = *basis
        .prices
        .get(&sku)
        .ok_or_else(|| known(ErrorCode::PriceUnknown, format!("{sku} has no price in {currency}")))?;
    let list = unit_price.times(quantity).map_err(sum)?;
    let discount = list.share(best(&sku, &basis.promotions, basis.at)).map_err(sum)?;
    let net = list.minus(discount).map_err(sum)?;
    Ok(QuotedLine { sku, quantity, unit_price, discount, net, tax: Money::zero(currency) })
}

fn best(sku: &str, promotions: &[Promotion], at: Timestamp) -> u32 {
    let running = promotions.iter().filter(|p| p.starts_at <= at && at < p.ends_at);
    running.filter(|p| p.skus.is_empty() || p.skus.iter().any(|s| s == sku)).map(|p| p.off_per_10k).max().unwrap_or(0)
}

fn coupon_off(code: &str, goods: Money, basis: &Basis) -> Result<Money, Problem> {
    let invalid = |why: &str| known(ErrorCode::CouponInvalid, format!("{code} {why}"));
    let coupon = basis.coupon.as_ref().ok_or_else(|| invalid("is no coupon of ours"))?;
    if basis.at < coupon.starts_at || basis.at >= coupon.ends_at {
        return Err(invalid("is not valid now"));
    }
    match coupon.value {
        CouponValue::OffPer10k(per_10k) => goods.share(per_10k).map_err(sum),
        CouponValue::Off(off) if off.currency == goods.currency => {
            Ok(Money::new(off.amount.min(goods.amount), goods.currency))
        }
        CouponValue::Off(off) => Err(invalid(&format!("is for baskets in {}", off.currency))),
    }
}

fn total(zero: Money, mut parts: impl Iterator<Item = Money>) -> Result<Money, Problem> {
    parts.try_fold(zero, Money::plus).map_err(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shop_contracts::pricing::QuoteLine;

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::EUR)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn promotion(off_per_10k: u32, skus: &[&str], window: (i64, i64)) -> Promotion {
        let skus = skus.iter().map(|s| (*s).to_owned()).collect();
        Promotion {
            id: Uuid::nil(),
            name: "p".into(),
            off_per_10k,
            skus,
            starts_at: at(window.0),
            ends_at: at(window.1),
        }
    }

    fn coupon(value: CouponValue) -> NewCoupon {
        NewCoupon { code: "SAVE".into(), value, max_redemptions: 1, starts_at: at(0), ends_at: at(1000) }
    }

    fn basis(prices: &[(&str, i64)]) -> Basis {
        Basis {
            prices: prices.iter().map(|(sku, amount)| ((*sku).to_owned(), eur(*amount))).collect(),
            promotions: Vec::new(),
            coupon: None,
            rate: Some(Rate { country: "DE".into(), shipping: eur(499), free_from: Some(5000), tax_per_10k: 1900 }),
            at: at(100),
            ttl: Duration::from_mins(15),
        }
    }

    fn request(lines: &[(&str, u32)], coupon: Option<&str>) -> QuoteRequest {
        QuoteRequest {
            lines: lines
                .iter()
                .map(|(sku, quantity)| QuoteLine { sku: (*sku).to_owned(), quantity: *quantity })
                .collect(),
            currency: Currency::EUR,
            country: "DE".into(),
            coupon: coupon.map(str::to_owned),
        }
    }

    fn slug(refused: &Problem) -> String {
        format!("{refused:?}")
    }

    #[test]
    fn adds_up_goods_delivery_and_tax() {
        let q = quote(Uuid::nil(), &request(&[("A", 2), ("B", 1)], None), &basis(&[("A", 1000), ("B", 333)])).unwrap();
        assert_eq!((q.subtotal, q.discount, q.shipping), (eur(2333), eur(0), eur(499)));
        // 443.27 on goods and 94.81 on delivery.
        assert_eq!((q.tax, q.total), (eur(538), eur(3370)));
        assert_eq!((q.iat, q.exp), (100, 1000));
    }

    #[test]
    fn the_best_running_promotion_counts_for_each_line_alone() {
        let mut basis = basis(&[("A", 1000), ("B", 1000)]);
        basis.promotions = vec![
            promotion(1000, &[], (0, 200)),
            promotion(2500, &["A"], (100, 101)),
            promotion(9000, &["B"], (101, 200)),
            promotion(9000, &["B"], (0, 100)),
        ];
        let q = quote(Uuid::nil(), &request(&[("A", 1), ("B", 1)], None), &basis).unwrap();
        assert_eq!((q.lines[0].net, q.lines[1].net), (eur(750), eur(900)));
        assert_eq!(discounted("A", eur(1000), &basis.promotions, at(100)).unwrap(), eur(750));
    }

    #[test]
    fn a_coupon_of_an_amount_takes_no_more_than_the_goods_cost() {
        let mut basis = basis(&[("A", 100), ("B", 200)]);
        basis.coupon = Some(coupon(CouponValue::Off(eur(10_000))));
        let q = quote(Uuid::nil(), &request(&[("A", 1), ("B", 1)], Some("SAVE")), &basis).unwrap();
        assert_eq!((q.discount, q.lines[0].net, q.lines[1].net), (eur(300), eur(0), eur(0)));
        assert_eq!(q.total, eur(499 + 95), "delivery and its tax remain");
    }

    #[test]
    fn one_cent_off_three_lines_goes_to_the_first_of_them() {
        let mut basis = basis(&[("A", 100), ("B", 100), ("C", 100)]);
        basis.coupon = Some(coupon(CouponValue::Off(eur(1))));
        let q = quote(Uuid::nil(), &request(&[("A", 1), ("B", 1), ("C", 1)], Some("SAVE")), &basis).unwrap();
        let off: Vec<i64> = q.lines.iter().map(|l| l.discount.amount).collect();
        assert_eq!(off, [1, 0, 0]);
    }

    #[test]
    fn what_cannot_be_quoted_is_named() {
        let sound = basis(&[("A", i64::MAX / 2)]);
        let unpriced = quote(Uuid::nil(), &request(&[("B", 1)], None), &sound).unwrap_err();
        assert!(slug(&unpriced).contains("price-unknown") && unpriced.detail().contains('B'));
        let large = quote(Uuid::nil(), &request(&[("A", 3)], None), &sound).unwrap_err();
        assert!(slug(&large).contains("amount-out-of-range"));
        let nowhere = Basis { rate: None, ..basis(&[("A", 1)]) };
        assert!(slug(&quote(Uuid::nil(), &request(&[("A", 1)], None), &nowhere).unwrap_err()).contains("no-rate"));
        let stranger = quote(Uuid::nil(), &request(&[("A", 1)], Some("NOPE")), &basis(&[("A", 1)])).unwrap_err();
        assert!(slug(&stranger).contains("coupon-invalid"));
        let yen = Money::new(5, Currency::of("JPY").unwrap());
        let foreign = Basis { coupon: Some(coupon(CouponValue::Off(yen))), ..basis(&[("A", 1)]) };
        assert!(slug(&quote(Uuid::nil(), &request(&[("A", 1)], Some("SAVE")), &foreign).unwrap_err()).contains("JPY"));
        let late = Basis { at: at(1000), coupon: Some(coupon(CouponValue::OffPer10k(1))), ..basis(&[("A", 1)]) };
        let late = quote(Uuid::nil(), &request(&[("A", 1)], Some("SAVE")), &late).unwrap_err();
        assert!(late.detail().contains("not valid now"));
    }

    proptest! {
        #[test]
        fn every_sum_is_exact_and_nothing_is_below_zero(
            prices in prop::collection::vec((0i64..1_000_000_000, 1u32..100), 1..12),
            promoted in 0u32..=10_000, off in prop_oneof![
                (1u32..=10_000).prop_map(CouponValue::OffPer10k), (1i64..1_000_000).prop_map(|a| CouponValue::Off(eur(a)))
            ], tax in 0u32..=10_000,
        ) {
            let skus: Vec<String> = (0..prices.len()).map(|i| format!("S{i}")).collect();
            let listed: Vec<(&str, i64)> = skus.iter().map(String::as_str).zip(prices.iter().map(|p| p.0)).collect();
            let wanted: Vec<(&str, u32)> = skus.iter().map(String::as_str).zip(prices.iter().map(|p| p.1)).collect();
            let mut basis = basis(&listed);
            basis.coupon = Some(coupon(off));
            if promoted > 0 { basis.promotions = vec![promotion(promoted, &[], (0, 200))]; }
            if let Some(rate) = &mut basis.rate { rate.tax_per_10k = tax; }
            let q = quote(Uuid::nil(), &request(&wanted, Some("SAVE")), &basis).unwrap();
            let list: i64 = prices.iter().map(|(price, count)| price * i64::from(*count)).sum();
            prop_assert_eq!(q.subtotal.amount, list);
            prop_assert_eq!(q.lines.iter().map(|l| l.discount.amount).sum::<i64>(), q.discount.amount);
            prop_assert_eq!(q.total.amount, list - q.discount.amount + q.shipping.amount + q.tax.amount);
            prop_assert!(q.lines.iter().all(|l| l.net.amount >= 0 && l.discount.amount >= 0 && l.tax.amount >= 0));
            prop_assert!(q.discount.amount <= list && q.total.amount >= 0);
        }
    }
}
