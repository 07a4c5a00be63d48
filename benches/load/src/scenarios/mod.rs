//! The scenarios, in the order in which they run and are reported.

mod idle;
mod images;
mod lists;
mod pull;
mod push;
mod requests;

use anyhow::Result;

use crate::{
    aim::{Aim, Bound, Figure},
    bench::Setting,
    drive::Measured,
    stock::Stock,
};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    /// What the server holds at the beginning. Without it the directory is empty, and thrown away afterwards.
    pub(crate) stock: Option<Stock>,
    /// Whether static files can answer it.
    pub(crate) with_files: bool,
    pub(crate) action: Action,
    pub(crate) aims: &'static [Aim],
}

/// What throughput and cost are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Gib,
    Each(&'static str),
    /// Neither is of interest: memory or the start are.
    None,
}

#[derive(Clone, Copy)]
pub(crate) enum Action {
    Load(fn(&Setting) -> Result<Measured>),
    /// The server is started several times, and then left alone.
    Start,
}

const fn registry(figure: Figure, factor: f64) -> Aim {
    Aim { figure, bound: Bound::Registry(factor) }
}

const fn files(figure: Figure, factor: f64) -> Aim {
    Aim { figure, bound: Bound::Files(factor) }
}

const fn at_most(figure: Figure, most: f64) -> Aim {
    Aim { figure, bound: Bound::AtMost(most) }
}

const PUSH: &[Aim] = &[registry(Figure::Cpu, 0.7), registry(Figure::Rate, 1.3)];
const PULL: &[Aim] =
    &[registry(Figure::Cpu, 1.0), registry(Figure::Rate, 1.0), files(Figure::Cpu, 1.2)];

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "push-1g",
        title: "Push 1 GiB: POST, one PATCH, PUT",
        unit: Unit::Gib,
        stock: None,
        with_files: false,
        action: Action::Load(push::alone),
        aims: PUSH,
    },
    Scenario {
        name: "push-1g-4",
        title: "Push 1 GiB, 4 at once",
        unit: Unit::Gib,
        stock: None,
        with_files: false,
        action: Action::Load(push::four),
        aims: PUSH,
    },
    Scenario {
        name: "push-200",
        title: "200 concurrent pushes of 16 MiB",
        unit: Unit::Gib,
        stock: None,
        with_files: false,
        action: Action::Load(push::many),
        aims: &[at_most(Figure::Memory, 80.0)],
    },
    Scenario {
        name: "pull-1",
        title: "Pull 1 GiB, 1 client",
        unit: Unit::Gib,
        stock: Some(Stock::Big),
        with_files: true,
        action: Action::Load(pull::one),
        aims: PULL,
    },
    Scenario {
        name: "pull-8",
        title: "Pull 1 GiB, 8 clients",
        unit: Unit::Gib,
        stock: Some(Stock::Big),
        with_files: true,
        action: Action::Load(pull::eight),
        aims: PULL,
    },
    Scenario {
        name: "pull-64",
        title: "Pull 1 GiB, 64 clients",
        unit: Unit::Gib,
        stock: Some(Stock::Big),
        with_files: true,
        action: Action::Load(pull::sixty_four),
        aims: &[PULL[0], PULL[1], PULL[2], at_most(Figure::Memory, 64.0)],
    },
    Scenario {
        name: "push-images",
        title: "Push 2,000 small images (3 blobs + manifest), 16 at once",
        unit: Unit::Each("image"),
        stock: None,
        with_files: false,
        action: Action::Load(images::push_small),
        aims: &[registry(Figure::Rate, 5.0), registry(Figure::Cpu, 0.3)],
    },
    Scenario {
        name: "push-tags",
        title: "Push 10,000 tags of one manifest, 16 at once",
        unit: Unit::Each("tag"),
        stock: None,
        with_files: false,
        action: Action::Load(lists::push_tags),
        aims: &[registry(Figure::Rate, 4.0), at_most(Figure::Growth, 1.5)],
    },
    Scenario {
        name: "push-tags-1",
        title: "Push tags of one manifest, 1 client",
        unit: Unit::Each("tag"),
        stock: None,
        with_files: false,
        action: Action::Load(lists::push_tags_alone),
        aims: &[],
    },
    Scenario {
        name: "manifest-get",
        title: "Manifest GET by tag, 64 clients",
        unit: Unit::Each("request"),
        stock: Some(Stock::Small),
        with_files: true,
        action: Action::Load(requests::manifest_get),
        aims: &[registry(Figure::Rate, 3.0), files(Figure::Rate, 0.5)],
    },
    Scenario {
        name: "blob-head",
        title: "Blob HEAD, 64 clients",
        unit: Unit::Each("request"),
        stock: Some(Stock::Small),
        with_files: true,
        action: Action::Load(requests::blob_head),
        aims: &[registry(Figure::Rate, 1.5), files(Figure::Rate, 0.5)],
    },
    Scenario {
        name: "blob-4k",
        title: "Blob GET of 4 KiB, 1 client",
        unit: Unit::Each("request"),
        stock: Some(Stock::Small),
        with_files: true,
        action: Action::Load(requests::blob_get),
        aims: &[registry(Figure::Rate, 5.0)],
    },
    Scenario {
        name: "pull-images",
        title: "200 clients pulling images of 5 × 1 MiB",
        unit: Unit::Each("image"),
        stock: Some(Stock::Images),
        with_files: true,
        action: Action::Load(images::pull),
        aims: &[registry(Figure::Rate, 1.5), at_most(Figure::Memory, 64.0)],
    },
    Scenario {
        name: "tag-page",
        title: "Page of 100 of 10,000 tags, 1 client",
        unit: Unit::Each("page"),
        stock: Some(Stock::Tags),
        with_files: false,
        action: Action::Load(lists::tag_page),
        aims: &[at_most(Figure::Cpu, 0.15)],
    },
    Scenario {
        name: "catalog-page",
        title: "Page of 100 of 2,000 repositories, 1 client",
        unit: Unit::Each("page"),
        stock: Some(Stock::Repositories),
        with_files: false,
        action: Action::Load(lists::catalog_page),
        aims: &[at_most(Figure::Cpu, 0.3)],
    },
    Scenario {
        name: "slow-readers",
        title: "2,000 slow readers of a blob of 64 MiB",
        unit: Unit::None,
        stock: Some(Stock::Slow),
        with_files: true,
        action: Action::Load(pull::slowly),
        aims: &[at_most(Figure::Memory, 80.0)],
    },
    Scenario {
        name: "idle-2000",
        title: "2,000 idle connections",
        unit: Unit::None,
        stock: Some(Stock::Small),
        with_files: true,
        action: Action::Load(idle::connections),
        aims: &[at_most(Figure::Memory, 80.0)],
    },
    Scenario {
        name: "start",
        title: "Start to first answer, and idle memory",
        unit: Unit::None,
        stock: Some(Stock::Tags),
        with_files: false,
        action: Action::Start,
        aims: &[at_most(Figure::P50, 30.0), at_most(Figure::Memory, 20.0)],
    },
];
