//! Whether this Kubernetes resizes pods in place.

use kube::Client;

use crate::Error;
use crate::write::read;

/// Whether the API server knows `pods/resize` (Kubernetes 1.33 and above). Without it pods are cut off without being
/// shrunk.
///
/// # Errors
/// [`Error::Api`] or [`Error::Deadline`] where the server does not tell.
pub async fn can_resize(client: &Client) -> Result<bool, Error> {
    let resources = read("discover", "resources of v1", client.list_core_api_resources("v1")).await?;
    Ok(resources.resources.iter().any(|resource| resource.name == "pods/resize"))
}
