//! The ledger keeps itself: what does not balance is not committed, what is written stays.

use crate::running::start;

#[tokio::test]
async fn no_statement_makes_the_books_unbalanced() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    let id = payments.authorized(1, 900).await;
    assert_eq!(payments.settle(&id, "capture", "c").await.status, 200);
    for statement in [
        "INSERT INTO ledger_entries (operation_id, account, currency, amount)
            SELECT id, 'provider', 'EUR', 5 FROM operations WHERE kind = 'authorize'",
        "INSERT INTO ledger_entries (operation_id, account, currency, amount)
            SELECT id, e.account, e.currency, e.amount FROM operations,
            (VALUES ('provider', 'EUR', 5), ('sales', 'JPY', -5)) AS e (account, currency, amount)
            WHERE kind = 'authorize'",
        "UPDATE ledger_entries SET amount = amount + 1",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "UPDATE payments SET refunded = 901",
        "UPDATE payments SET captured = 901",
    ] {
        assert!(payments.tamper(statement).await.is_err(), "{statement}");
    }
    payments.audit().await;
    Ok(())
}
