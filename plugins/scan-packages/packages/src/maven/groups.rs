//! Groups of well-known artifacts whose archives do not name them.

/// An artifact's name, or how it begins if that ends with `-`, and its group. The longest that fits counts.
const GROUPS: [(&str, &str); 27] = [
    ("ant", "org.apache.ant"),
    ("cglib", "cglib"),
    ("commons-beanutils", "commons-beanutils"),
    ("commons-codec", "commons-codec"),
    ("commons-collections", "commons-collections"),
    ("commons-fileupload", "commons-fileupload"),
    ("commons-httpclient", "commons-httpclient"),
    ("commons-io", "commons-io"),
    ("commons-lang", "commons-lang"),
    ("commons-logging", "commons-logging"),
    ("dom4j", "dom4j"),
    ("h2", "com.h2database"),
    ("hibernate-core", "org.hibernate"),
    ("junit", "junit"),
    ("log4j", "log4j"),
    ("log4j-", "org.apache.logging.log4j"),
    ("lombok", "org.projectlombok"),
    ("postgresql", "org.postgresql"),
    ("snakeyaml", "org.yaml"),
    ("spring-", "org.springframework"),
    ("spring-boot", "org.springframework.boot"),
    ("spring-boot-", "org.springframework.boot"),
    ("spring-cloud-", "org.springframework.cloud"),
    ("spring-data-", "org.springframework.data"),
    ("spring-security-", "org.springframework.security"),
    ("tomcat-embed-", "org.apache.tomcat.embed"),
    ("xercesImpl", "xerces"),
];

/// The group of an artifact, if it is one of these.
pub(crate) fn of(artifact: &str) -> Option<&'static str> {
    let fits = |known: &&(&str, &str)| {
        known.0 == artifact || known.0.ends_with('-') && artifact.starts_with(known.0)
    };
    GROUPS.iter().filter(fits).max_by_key(|(name, _)| name.len()).map(|(_, group)| *group)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_longest_name_counts() {
        assert_eq!(super::of("spring-core"), Some("org.springframework"));
        assert_eq!(super::of("spring-boot"), Some("org.springframework.boot"));
        assert_eq!(super::of("spring-boot-autoconfigure"), Some("org.springframework.boot"));
        assert_eq!(super::of("spring"), None);
    }
}
