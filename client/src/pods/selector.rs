//! Which pods are meant.

use lifepod_proto::v1 as proto;

/// Which pods are meant. Everything that is said must hold; nothing said means all.
///
/// ```
/// use lifepod_client::Selector;
///
/// let web = Selector::all().labels("app=web,tier in (front,back)");
/// let failed = Selector::all().fields("status.phase=Failed");
/// # let _ = (web, failed);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector(pub(crate) proto::PodSelector);

impl Selector {
    /// All pods.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The pod of this name.
    #[must_use]
    pub fn name(name: impl Into<String>) -> Self {
        Self::default().or_name(name)
    }

    /// The pod of this uid.
    #[must_use]
    pub fn uid(uid: impl Into<String>) -> Self {
        let mut selector = Self::default();
        selector.0.uids.push(uid.into());
        selector
    }

    /// Also the pod of this name.
    #[must_use]
    pub fn or_name(mut self, name: impl Into<String>) -> Self {
        self.0.names.push(name.into());
        self
    }

    /// Only pods whose labels match, in Kubernetes' syntax: `app=web,tier in (a,b),!canary`.
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.0.label_selector = selector.into();
        self
    }

    /// Only pods whose fields match, in Kubernetes' syntax: `status.phase=Running`.
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.0.field_selector = selector.into();
        self
    }
}
