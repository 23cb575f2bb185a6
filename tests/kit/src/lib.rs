//! Handles on real parts for tests: ApiServer, Prometheus, Postgres, Node, Clock, ChaosProxy, AuditOracle.
