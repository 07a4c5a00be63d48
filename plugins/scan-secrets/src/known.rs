//! Tokens that are known by how they begin.

use crate::rules::Weight;

/// What a token looks like.
pub(crate) struct Token {
    pub(crate) rule: &'static str,
    pub(crate) title: &'static str,
    pub(crate) weight: Weight,
    pub(crate) prefix: &'static str,
    /// How many characters follow: at least, and at most.
    pub(crate) length: (usize, usize),
    pub(crate) allows: fn(u8) -> bool,
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn dashed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    dashed(byte) || byte == b'.'
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

macro_rules! tokens {
    ($($rule:literal $title:literal $weight:ident $prefix:literal $least:literal..=$most:literal $allows:ident)*) => {
        &[$(Token {
            rule: $rule, title: $title, weight: Weight::$weight, prefix: $prefix, length: ($least, $most), allows: $allows,
        }),*]
    };
}

pub(crate) const TOKENS: &[Token] = tokens! {
    "aws-access-key" "an access key of AWS" High "AKIA" 16..=16 upper
    "aws-access-key" "a temporary access key of AWS" Medium "ASIA" 16..=16 upper
    "github-token" "a personal access token of GitHub" Critical "ghp_" 36..=255 word
    "github-token" "an OAuth token of GitHub" Critical "gho_" 36..=255 word
    "github-token" "a user token of a GitHub app" Critical "ghu_" 36..=255 word
    "github-token" "an installation token of a GitHub app" High "ghs_" 36..=255 word
    "github-token" "a refresh token of a GitHub app" High "ghr_" 36..=255 word
    "github-token" "a fine-grained token of GitHub" Critical "github_pat_" 82..=82 dashed
    "gitlab-token" "a personal access token of GitLab" Critical "glpat-" 20..=64 dotted
    "gitlab-token" "a runner token of GitLab" High "glrt-" 20..=64 dotted
    "slack-token" "a bot token of Slack" High "xoxb-" 24..=255 dashed
    "slack-token" "a user token of Slack" High "xoxp-" 24..=255 dashed
    "slack-token" "an app token of Slack" High "xapp-" 24..=255 dashed
    "stripe-key" "a secret key of Stripe" Critical "sk_live_" 24..=255 word
    "stripe-key" "a restricted key of Stripe" High "rk_live_" 24..=255 word
    "google-api-key" "an API key of Google" Medium "AIza" 35..=35 dashed
    "npm-token" "a token of npm" Critical "npm_" 36..=36 word
    "pypi-token" "a token of PyPI" Critical "pypi-AgEIcHlwaS5vcmc" 50..=500 dashed
    "docker-token" "a token of Docker Hub" Critical "dckr_pat_" 27..=64 dashed
    "sendgrid-key" "an API key of SendGrid" High "SG." 60..=80 dotted
    "hugging-face-token" "a token of Hugging Face" High "hf_" 34..=64 word
    "anthropic-key" "an API key of Anthropic" High "sk-ant-" 80..=255 dashed
    "openai-key" "an API key of OpenAI" High "sk-proj-" 40..=255 dashed
    "digitalocean-token" "a token of DigitalOcean" Critical "dop_v1_" 64..=64 hex
    "vault-token" "a token of Vault" High "hvs." 90..=255 dashed
    "terraform-token" "a token of Terraform Cloud" High "atlasv1." 60..=100 dashed
};
