//! Generated files against their generators, both ways: each is what its source renders, and none lies about unmade.

mod crds;
