//! What Kubernetes needs: `berth kubelet-credential-provider` and `berth k8s`.

mod provider;
mod pull_secret;

use clap::Subcommand;

pub(super) use provider::CredentialProvider;

/// Make what Kubernetes needs to pull from a registry
#[derive(Debug, Subcommand)]
pub(super) enum KubernetesCommand {
    /// Print a Secret with which a namespace pulls
    #[command(
        after_help = "Examples:\n  berth k8s pull-secret berth --namespace shop --registry registry.example.org --create-token puller | kubectl apply -f -\n  echo \"$TOKEN\" | berth k8s pull-secret berth --registry registry.example.org --username puller --password-stdin"
    )]
    PullSecret(pull_secret::PullSecret),
}

impl KubernetesCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::PullSecret(command) => command.run().await,
        }
    }
}
