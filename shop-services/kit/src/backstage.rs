//! What runs behind the API of a service with events: relay, inbox and housekeeping, ended after the last request.

use std::sync::Arc;
use std::time::Duration;

use shop_metrics::{Backlog, Events};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::{Broker, BrokerError};
use crate::config::BrokerConfig;
use crate::database::Database;
use crate::inbox::{Handler, Inbox};
use crate::keep;
use crate::lag::Lag;
use crate::relay::Relay;

/// Pause between two looks at what waits at the broker.
const BACKLOG_PERIOD: Duration = Duration::from_secs(1);

/// Background work of one service.
#[derive(Debug)]
pub struct Backstage {
    tasks: TaskTracker,
    stop: CancellationToken,
    broker: Broker,
}

/// Which events a service takes.
pub struct Intake {
    /// Kinds, `order.*` among them.
    pub kinds: &'static [&'static str],
    /// What to do with them.
    pub handler: Arc<dyn Handler>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Backstage {
    /// Starts it for the service `name`, with an inbox where it takes events.
    ///
    /// # Errors
    /// Where the broker's URL is wrong; a broker that is away is waited for.
    pub async fn start(
        name: &'static str,
        config: &BrokerConfig,
        database: &Database,
        events: &Events,
        intake: Option<Intake>,
    ) -> Result<Self, BrokerError> {
        let broker = Broker::connect(config, name).await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let relay = Relay {
            database: database.clone(),
            broker: broker.clone(),
            metrics: events.clone(),
            period: config.outbox_period,
        };
        if let Some(Intake { kinds, handler }) = intake {
            let inbox = Inbox {
                database: database.clone(),
                broker: broker.clone(),
                metrics: events.clone(),
                consumer: name,
                kinds,
                max_deliveries: config.max_deliveries,
                redelivery_delay: config.redelivery_delay,
                handler,
            };
            tasks.spawn(inbox.run(stop.clone()));
        }
        tasks.spawn(relay.run(stop.clone()));
        tasks.spawn(keep::run(database.clone(), config.keep, stop.clone()));
        Ok(Self { tasks, stop, broker })
    }

    /// Shows what waits at the broker for the service `name`, which takes these kinds.
    pub fn shows_backlog(
        &self,
        name: &'static str,
        kinds: &'static [&'static str],
        database: &Database,
        metrics: Backlog,
    ) {
        let (database, broker) = (database.clone(), self.broker.clone());
        let lag = Lag { database, broker, metrics, consumer: name, kinds, period: BACKLOG_PERIOD };
        self.tasks.spawn(lag.run(self.stop.clone()));
    }

    /// Runs `task` until the end as well; it is given the signal.
    pub fn also<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce(CancellationToken) -> F) {
        self.tasks.spawn(task(self.stop.clone()));
    }

    /// Ends it; what is at work is finished, what is not yet published stays in the outbox for the next start.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
