//! The warm reserve as a person wrote it, parsed into plain values.

use presale_crds::{Guarantee, Quantity, Reserve, ReserveSize, ShopService};
use presale_planner::ReservePolicy;

use crate::Error;
use crate::convert::number;
use crate::reserve::milli;

/// Most replicas in reserve where size is Auto and `max` says nothing.
const MOST: u32 = 5;
/// CPU of a pod in reserve, in thousandths, where nothing is stated.
const CPU: u32 = 10;

/// A warm reserve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveSpec {
    /// For `planner::decide`.
    pub policy: ReservePolicy,
    /// CPU of a pod in reserve, thousandths of a processor; `None` = it keeps what it has.
    pub cpu: Option<u32>,
    /// Memory request of a pod in reserve; `None` = it keeps what it has.
    pub memory: Option<Quantity>,
}

/// The reserve that `shop` asks for and can have; `None` where it has none.
pub(crate) fn of(shop: &ShopService, stated: Option<&Reserve>) -> Result<Option<ReserveSpec>, Error> {
    let Some(stated) = stated.filter(|_| shop.spec.workload_ref.is_none()) else { return Ok(None) };
    let (size, max) = match stated.size.unwrap_or_default() {
        ReserveSize::None => return Ok(None),
        ReserveSize::Auto => (presale_planner::ReserveSize::Auto, stated.max.unwrap_or(MOST)),
        ReserveSize::Exactly(count) => (presale_planner::ReserveSize::Replicas(count), count),
    };
    let guarantee = match stated.guarantee.unwrap_or_default() {
        Guarantee::BestEffort => presale_planner::Guarantee::BestEffort,
        Guarantee::Reserved => presale_planner::Guarantee::Reserved,
    };
    let resources = stated.resources.clone().unwrap_or_default();
    for (field, amount) in [("cpu", &resources.cpu), ("memory", &resources.memory)] {
        amount.as_ref().map(|amount| number(&format!("spec.scaling.reserve.resources.{field}"), amount)).transpose()?;
    }
    let cpu = resources.cpu.as_ref().map_or(CPU, |cpu| milli(&cpu.0));
    Ok(Some(ReserveSpec {
        policy: ReservePolicy { size, max, guarantee },
        cpu: (guarantee == presale_planner::Guarantee::BestEffort).then_some(cpu),
        memory: resources.memory,
    }))
}
