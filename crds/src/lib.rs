//! API types of presale.dev/v1alpha1 and the CustomResourceDefinitions rendered from them.
