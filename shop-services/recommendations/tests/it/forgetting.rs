//! Forgetting: of an erased account nothing is left, in whichever order it is told, and the next model has none of it.

use std::time::Duration;

use test_kit::Nats;

use crate::running::{Shop, id, start, until};

#[tokio::test]
async fn nothing_of_an_erased_account_is_left_in_the_history_and_in_the_next_model() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let recommendations = start(&nats.url()).await?;
    let shop = Shop::open(&nats).await?;
    shop.sells(1..=9).await?;
    // The seventh and the eighth only ever went together with this one person.
    shop.buys(1, 77, 1, &[7, 8]).await?;
    shop.collects(2, Some(77), 2, &[9]).await?;
    for person in 100..103 {
        shop.buys(person, person, 1, &[1, 2]).await?;
    }
    recommendations.hears_all(&shop).await;
    recommendations.trains().await;
    assert_eq!(recommendations.beside(7).await.1[0], 8);
    let before = recommendations.everything().await;
    assert!(before.contains(&id(77).to_string()) && before.contains(&id(8).to_string()));

    shop.erases(77, 3).await?;
    // What other services had still to say comes later.
    shop.collects(2, Some(77), 4, &[9]).await?;
    shop.buys(3, 77, 5, &[7, 8]).await?;
    recommendations.hears_all(&shop).await;
    assert_eq!(recommendations.for_customer(77).await.0, "popular", "their history is gone at once");
    let old = recommendations.version().await;
    // An erasure is due sooner than the schedule.
    recommendations.passes(Duration::from_mins(5));
    until("the next model is there", async || recommendations.version().await > old).await;
    let everything = recommendations.everything().await;
    for gone in [77, 7, 8, 9] {
        assert!(!everything.contains(&id(gone).to_string()), "{gone} is still in {everything}");
    }
    assert_eq!(recommendations.beside(7).await, ("popular".to_owned(), vec![1, 2]));
    assert_eq!(recommendations.count("SELECT count(*) FROM models").await, 1, "older ones knew too much");
    assert_eq!(recommendations.count("SELECT count(*) FROM forgotten").await, 1);
    Ok(())
}
