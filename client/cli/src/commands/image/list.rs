//! `lifepod image ls`.

use lifepod_client::{Images, manifest, proto, time};
use serde_json::{Value as Json, json};

use crate::{failure::Failure, output, render::tabs::Tabs};

pub(super) async fn run(
    images: &Images,
    format: Option<&str>,
    quiet: bool,
    no_trunc: bool,
) -> Result<(), Failure> {
    let images = images.list().await?;
    match format {
        None if quiet => images
            .iter()
            .try_for_each(|image| output::line(id(image, no_trunc))),
        None => output::data(&table(&images, no_trunc)),
        Some("json") => {
            let images: Vec<Json> = images.iter().map(json).collect();
            output::data(&manifest::to_json_text(&json!({ "images": images })))
        }
        Some(other) => Err(Failure::error(format!(
            "unable to match a printer suitable for the output format \"{other}\", allowed formats are: json"
        ))),
    }
}

fn table(images: &[proto::Image], no_trunc: bool) -> String {
    let mut text = "IMAGE\tTAG\tIMAGE ID\tSIZE\n".to_owned();
    for image in images {
        for (repository, tag) in names(image) {
            let (id, size) = (id(image, no_trunc), size(image.size_bytes));
            text.push_str(&format!("{repository}\t{tag}\t{id}\t{size}\n"));
        }
    }
    Tabs::table().layout(&text)
}

/// Every repository and tag of an image; one that has lost its tags is known by its digest.
fn names(image: &proto::Image) -> Vec<(String, String)> {
    let none = || "<none>".to_owned();
    if image.tags.is_empty() {
        let repository = image
            .digests
            .first()
            .and_then(|digest| digest.split('@').next());
        return vec![(repository.map_or_else(none, str::to_owned), none())];
    }
    let split = |reference: &String| match reference.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository.to_owned(), tag.to_owned()),
        _ => (reference.clone(), none()),
    };
    image.tags.iter().map(split).collect()
}

fn id(image: &proto::Image, no_trunc: bool) -> &str {
    if no_trunc {
        return &image.id;
    }
    let hex = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
    hex.get(..13).unwrap_or(hex)
}

/// Bytes in a unit that keeps the number short: `72.1MB`.
fn size(bytes: i64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes}B");
    }
    format!("{value:.1}{}", units[unit])
}

fn json(image: &proto::Image) -> Json {
    json!({
        "id": image.id,
        "repoTags": image.tags,
        "repoDigests": image.digests,
        "size": image.size_bytes.to_string(),
        "platform": image.platform,
        "containers": image.container_count,
        "createdAt": image.created_at.as_ref().map(time::format_seconds),
        "pulledAt": image.pulled_at.as_ref().map(time::format_seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_listed_by_repository_and_tag() {
        let tagged = proto::Image {
            id: format!("sha256:{}", "ab".repeat(32)),
            tags: vec![
                "localhost:5000/nginx:1.27".to_owned(),
                "docker.io/library/nginx:latest".to_owned(),
            ],
            size_bytes: 72_145_821,
            ..Default::default()
        };
        let lost = proto::Image {
            id: format!("sha256:{}", "cd".repeat(32)),
            digests: vec!["quay.io/x/y@sha256:00".to_owned()],
            size_bytes: 999,
            ..Default::default()
        };
        let expected = "\
IMAGE                     TAG      IMAGE ID        SIZE
localhost:5000/nginx      1.27     ababababababa   72.1MB
docker.io/library/nginx   latest   ababababababa   72.1MB
quay.io/x/y               <none>   cdcdcdcdcdcdc   999B
";
        assert_eq!(table(&[tagged, lost], false), expected);
    }
}
