//! The distribution API on the wire, one file per resource.
