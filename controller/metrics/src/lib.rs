//! Names, units and families of the operator's own metrics, once.
