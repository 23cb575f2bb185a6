//! The words of messages: what each kind of event says to the customer, as pure functions of the event.

use std::fmt::Write;

use shop_contracts::event::{
    ORDER_CANCELLED, ORDER_CONFIRMED, ORDER_CREATED, ORDER_REFUNDED, ORDER_SHIPPED, OrderChanged, PaymentChanged,
};
use uuid::Uuid;

/// A message without an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its first line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// What a customer is told when an order changed; `None` of kinds that there are no words for.
pub fn of_order(kind: &str, order: &OrderChanged) -> Option<Words> {
    let OrderChanged { order_id, lines, total, reason, .. } = order;
    let (what, text) = match kind {
        ORDER_CREATED => ("received", "We have received your order and are working on it.".to_owned()),
        ORDER_CONFIRMED => ("confirmed", format!("Your order is paid: {total}. We are packing it.")),
        ORDER_SHIPPED => ("on its way", "Your order has left our house.".to_owned()),
        ORDER_CANCELLED => ("cancelled", cancelled(reason.as_deref())),
        ORDER_REFUNDED => ("refunded", format!("We have given {total} back to the card that you paid with.")),
        _ => return None,
    };
    let mut text = format!("{text}\n\n");
    for line in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} x {}", line.quantity, line.sku);
    }
    Some(Words { subject: subject(*order_id, what), text })
}

/// What a customer is told when the provider declined.
pub fn of_failed_payment(payment: &PaymentChanged) -> Words {
    let PaymentChanged { order_id, amount, .. } = payment;
    let text = format!("The payment of {amount} was declined. Nothing was taken; order again with another card.\n");
    Words { subject: subject(*order_id, "not paid"), text }
}

fn subject(order: Uuid, what: &str) -> String {
    format!("Your order {order} is {what}")
}

/// The stable names of refusals in words for people; those without words are not shown.
fn cancelled(reason: Option<&str>) -> String {
    let why = match reason {
        Some("out-of-stock" | "sku-unknown") => " Something in it is sold out.",
        Some("payment-declined") => " The payment was declined.",
        Some("coupon-used-up" | "coupon-invalid") => " The coupon is not valid any more.",
        Some("quote-expired") => " The price was not valid any more.",
        _ => "",
    };
    format!("Your order was cancelled.{why} Nothing is taken from your card.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_contracts::event::OrderedLine;
    use shop_contracts::{Currency, Money};

    fn order(reason: Option<&str>) -> OrderChanged {
        OrderChanged {
            order_id: Uuid::nil(),
            customer_id: Uuid::nil(),
            lines: vec![OrderedLine { sku: "LAMP".to_owned(), quantity: 2 }],
            total: Money::new(4_598, Currency::EUR),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn every_kind_of_order_event_has_words_of_its_own_and_an_unknown_one_none() {
        let kinds = [ORDER_CREATED, ORDER_CONFIRMED, ORDER_SHIPPED, ORDER_CANCELLED, ORDER_REFUNDED];
        let mut said: Vec<Words> = kinds.iter().map(|kind| of_order(kind, &order(None)).unwrap()).collect();
        assert!(said.iter().all(|words| words.text.ends_with("\n\n2 x LAMP\n")), "{said:?}");
        assert!(said[1].text.contains("45.98 EUR") && said[4].text.contains("45.98 EUR"));
        said.dedup();
        assert_eq!(said.len(), 5);
        assert_eq!(of_order("order.eaten", &order(None)), None);
    }

    #[test]
    fn a_cancelled_order_says_why_where_there_are_words_for_it() {
        let said = |reason| of_order(ORDER_CANCELLED, &order(reason)).unwrap().text;
        assert!(said(Some("out-of-stock")).contains("sold out"));
        assert_eq!(said(Some("stale-fence")), said(None), "nobody is shown what only we understand");
    }
}
