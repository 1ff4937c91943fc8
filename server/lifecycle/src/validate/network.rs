//! Host names, host aliases and resolvers.

use super::{
    Violations,
    names::{dns_label, dns_subdomain, search_domain},
};
use crate::spec::PodSpec;

pub(super) const IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

pub(super) fn check(spec: &PodSpec, v: &mut Violations) {
    let names = [
        ("spec.hostname", &spec.hostname),
        ("spec.subdomain", &spec.subdomain),
    ];
    for (field, name) in names {
        if let Some(name) = name {
            v.form(field, name, dns_label(name));
        }
    }
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        let path = format!("spec.hostAliases[{index}]");
        if alias.ip.parse::<std::net::IpAddr>().is_err() {
            v.invalid(format!("{path}.ip"), &alias.ip, IP);
        }
        for (index, name) in alias.hostnames.iter().enumerate() {
            v.form(
                &format!("{path}.hostnames[{index}]"),
                name,
                dns_subdomain(name),
            );
        }
    }
    let searches = spec.dns_config.iter().flat_map(|config| &config.searches);
    for (index, domain) in searches.enumerate() {
        let path = format!("spec.dnsConfig.searches[{index}]");
        v.form(&path, domain, search_domain(domain));
    }
}
