//! The catalog service: products, search, cursors and ETags on PostgreSQL.
