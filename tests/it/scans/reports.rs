//! Reports: made on push and on demand, kept with the image, and found again.

use serde_json::{Value, json};

use super::{
    advisory, calls, command_line, debian, events, image_of, import, install, scanned, scans, start,
};
use crate::support::{Image, eventually};

#[tokio::test]
async fn a_pushed_image_is_scanned_matched_and_documented() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    import(
        &admin,
        "debian",
        &[
            advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1~deb12u1", "high"),
            advisory("CVE-2026-2", "Debian:11", "openssl", "9", "critical"),
            advisory("CVE-2026-3", "npm", "minimist", "1.2.6", "critical"),
        ],
    )
    .await;
    let digest = admin.push("team/app", "v1", &debian()).await;
    let reports = scanned(&admin, "team/app", "v1", 1).await;
    let report = &reports[0];
    assert_eq!(
        (&report["state"], &report["scanner"]),
        (&json!("done"), &json!("scan-packages")),
        "{report}"
    );
    assert_eq!(report["packages"], 3);
    assert_eq!(
        (&report["findings"]["critical"], &report["findings"]["high"]),
        (&json!(1), &json!(1))
    );
    assert_eq!((&report["fixable"], &report["digest"]), (&json!(2), &json!(digest)));
    // The findings, the worst first; a binary package is looked up by its source.
    let found = admin.get("/api/v1/repositories/team%2Fapp/scans/v1/findings").await.ok().json();
    let found = found["findings"].as_array().unwrap().clone();
    let ids: Vec<_> = found.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["CVE-2026-3", "CVE-2026-1"]);
    assert_eq!(
        (&found[1]["package"], &found[1]["version"], &found[1]["fixed_version"]),
        (&json!("libssl3"), &json!("3.0.11-1~deb12u1"), &json!("3.0.15-1~deb12u1"))
    );
    let severe = "/api/v1/repositories/team%2Fapp/scans/v1/findings?severity=critical";
    assert_eq!(admin.get(severe).await.ok().json()["findings"].as_array().unwrap().len(), 1);
    // Beside the tag, for whoever lists tags.
    let tags = admin.get("/api/v1/repositories/team%2Fapp/tags").await.ok().json();
    assert_eq!(tags["tags"][0]["findings"]["high"], 1);
    // Documents lie beside the image, each once.
    let referrers = eventually("documents", async || {
        let index = admin.get(&format!("/v2/team/app/referrers/{digest}")).await.ok().json();
        let all = index["manifests"].as_array().unwrap().clone();
        (all.len() == 2).then_some(all)
    })
    .await;
    let mut kinds: Vec<_> =
        referrers.iter().map(|one| one["artifactType"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["application/spdx+json", "application/vnd.cyclonedx+json"]);
    for referrer in &referrers {
        let path = format!("/v2/team/app/manifests/{}", referrer["digest"].as_str().unwrap());
        let manifest = admin.get(&path).await.ok().json();
        let blob =
            format!("/v2/team/app/blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap());
        let document = admin.get(&blob).await.ok();
        let (_, inventory) = berth_sbom::read(&document.bytes).unwrap();
        let names: Vec<_> = inventory.packages.iter().map(|package| &*package.name).collect();
        assert_eq!(names, ["bash", "libssl3", "minimist"]);
    }
    assert_eq!(events(&admin, "scan.complete").await.len(), 1);
    // To have it scanned again changes no document and adds none.
    admin.post_json("/api/v1/repositories/team%2Fapp/scans/v1", json!({})).await.status(202);
    eventually("another scan", async || {
        (events(&admin, "scan.complete").await.len() == 2).then_some(())
    })
    .await;
    scanned(&admin, "team/app", "v1", 1).await;
    let again = admin.get(&format!("/v2/team/app/referrers/{digest}")).await.ok().json();
    assert_eq!(again["manifests"].as_array().unwrap(), &referrers);
}

#[tokio::test]
async fn no_plugin_keeps_documents_out() {
    let host = start().await;
    let admin = host.berth.admin().await;
    let digest = admin.push("team/app", "v1", &debian()).await;
    // From now on nobody changes anything, and Berth writes what it finds all the same.
    install(&host.berth, "freeze", json!({ "message": "release week" })).await;
    install(&host.berth, "scan-packages", json!({})).await;
    admin.post_json("/api/v1/repositories/team%2Fapp/scans/v1", json!({})).await.status(202);
    eventually("documents", async || {
        let index = admin.get(&format!("/v2/team/app/referrers/{digest}")).await.ok().json();
        (index["manifests"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    let image = debian();
    let put = admin.put_manifest("team/app", "v2", image.media_type(), image.manifest()).await;
    put.fails(403, "DENIED");
}

#[tokio::test]
async fn an_image_that_another_repository_has_is_not_looked_at_twice() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    admin.push("team/app", "v1", &debian()).await;
    scanned(&admin, "team/app", "v1", 1).await;
    let digest = admin.push("prod/app", "v1", &debian()).await;
    eventually("documents", async || {
        let index = admin.get(&format!("/v2/prod/app/referrers/{digest}")).await.ok().json();
        (index["manifests"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    assert_eq!(scans(&admin, "prod/app", "v1").await["reports"][0]["state"], "done");
    assert_eq!(calls(&host.berth, "scan-packages").await, 1, "one call of the scanner");
}

#[tokio::test]
async fn findings_and_packages_are_found_in_all_repositories_that_one_may_pull_from() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    let records = [
        advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1", "high"),
        advisory("CVE-2026-4", "Debian:12", "bash", "9", "low"),
    ];
    import(&admin, "debian", &records).await;
    for repository in ["team/app", "prod/app"] {
        admin.push(repository, "v1", &debian()).await;
        scanned(&admin, repository, "v1", 1).await;
    }
    let list = async |query: &str| {
        let found = admin.get(&format!("/api/v1/vulnerabilities?{query}")).await.ok().json();
        let all = found["vulnerabilities"].as_array().unwrap().clone();
        let one = |found: &Value| {
            format!(
                "{} {}",
                found["repository"].as_str().unwrap(),
                found["finding"]["id"].as_str().unwrap()
            )
        };
        (all.iter().map(one).collect::<Vec<_>>(), found["next"].clone())
    };
    assert_eq!(list("package=libssl3").await.0, ["team/app CVE-2026-1", "prod/app CVE-2026-1"]);
    assert_eq!(list("id=CVE-2026-4&repository=team/app").await.0, ["team/app CVE-2026-4"]);
    assert_eq!(list("severity=high&fixed=true").await.0.len(), 2);
    assert_eq!(list("fixed=false").await.0.len(), 0);
    // By pages, the worst first.
    let (mut seen, mut last) = (Vec::new(), String::new());
    loop {
        let (page, next) = list(&format!("n=1{last}")).await;
        seen.extend(page);
        let Some(next) = next.as_str() else { break };
        last = format!("&last={next}");
    }
    assert_eq!(seen.len(), 4);
    assert!(seen[..2].iter().all(|one| one.ends_with("CVE-2026-1")), "{seen:?}");
    let packages = admin.get("/api/v1/packages?name=bash").await.ok().json();
    assert_eq!(packages["packages"].as_array().unwrap().len(), 2);
    // Somebody who may see nothing finds nothing.
    let newcomer = host.berth.newcomer("eve").await;
    let found = newcomer.get("/api/v1/vulnerabilities").await.ok().json();
    assert_eq!(found["vulnerabilities"], json!([]));
    let name = "/api/v1/repositories/team%2Fapp/scans/v1";
    newcomer.get(name).await.status(403);
    host.berth.reader("ann").await.post_json(name, json!({})).await.status(403);
}

#[tokio::test]
async fn what_cannot_be_scanned_fails_with_its_reason_and_artifacts_are_left_alone() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    // Its layer is no archive.
    admin.push("team/broken", "v1", &Image::of(["hello"])).await;
    let reports = scanned(&admin, "team/broken", "v1", 1).await;
    assert_eq!(reports[0]["state"], "failed", "{reports:?}");
    assert!(!reports[0]["reason"].as_str().unwrap().is_empty());
    let failed = events(&admin, "scan.fail").await;
    assert_eq!(failed[0]["repository"], "team/broken");
    // A chart has the form of an image and is none.
    let chart = image_of(&[("Chart.yaml", b"name: a")], &json!({}));
    let manifest = String::from_utf8(chart.manifest()).unwrap();
    let manifest = manifest.replace("vnd.oci.image.config.v1+json", "vnd.cncf.helm.config.v1+json");
    for blob in chart.blobs() {
        admin.push_blob("team/chart", blob).await;
    }
    admin.put_manifest("team/chart", "v1", chart.media_type(), manifest).await.status(201);
    admin.post_json("/api/v1/repositories/team%2Fchart/scans/v1", json!({})).await.status(409);
    assert_eq!(scans(&admin, "team/chart", "v1").await["reports"], json!([]));
}

#[tokio::test]
async fn the_command_line_scans_and_shows() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    let records = [advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1", "high")];
    import(&admin, "debian", &records).await;
    admin.push("team/app", "v1", &debian()).await;
    let say = command_line(&host).await;
    let said = say(vec!["scan", "team/app:v1", "--wait"]).await;
    assert!(said.code == 0, "{said:?}");
    assert!(said.stdout.contains("scan-packages"), "{said:?}");
    let said = say(vec!["scan", "team/app:v1", "--fail-on", "high"]).await;
    assert!(said.code == 1 && said.stderr.contains("1 finding"), "{said:?}");
    let said = say(vec!["scan", "show", "team/app:v1"]).await;
    assert!(said.stdout.contains("CVE-2026-1") && said.stdout.contains("3.0.15-1"), "{said:?}");
    let said = say(vec!["scan", "show", "team/app:v1", "--packages"]).await;
    assert!(said.stdout.contains("minimist") && said.stdout.contains("MIT"), "{said:?}");
    let said = say(vec!["vulnerabilities", "list", "--package", "libssl3", "--fixed"]).await;
    assert!(said.stdout.contains("team/app@sha256:"), "{said:?}");
    let said = say(vec!["vulnerabilities", "package", "bash"]).await;
    assert!(said.stdout.contains("5.2.15-2"), "{said:?}");
}
