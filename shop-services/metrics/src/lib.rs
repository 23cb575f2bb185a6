//! Names, units and labels of the metrics that every shop service exports.
