//! `lifepod image`.

mod list;
mod progress;

use std::path::Path;

use lifepod_client::{Images, PullEvent, proto};

use super::connect;
use crate::{
    args::{Global, ImageCommand},
    failure::{self, Failure},
    output,
};
use progress::Progress;

pub(super) async fn run(global: &Global, command: ImageCommand) -> Result<(), Failure> {
    let images = connect(global).await?.images();
    match command {
        ImageCommand::Pull { image, quiet } => pull(&images, &image, quiet).await,
        ImageCommand::Load { archive, tag } => load(&images, &archive, &tag).await,
        ImageCommand::Ls {
            output,
            quiet,
            no_trunc,
        } => list::run(&images, output.as_deref(), quiet, no_trunc).await,
        ImageCommand::Rm {
            images: named,
            force,
        } => remove(&images, &named, force).await,
    }
}

async fn pull(images: &Images, reference: &str, quiet: bool) -> Result<(), Failure> {
    let mut pull = images.pull(reference).await?;
    let mut progress = Progress::new(quiet);
    loop {
        match pull.next().await? {
            PullEvent::Progress(state) => progress.show(&state),
            PullEvent::Done(result) => {
                progress.finish();
                let image = result.image.unwrap_or_default();
                if !quiet {
                    let how = if result.already_present {
                        "Image is up to date"
                    } else {
                        "Pulled"
                    };
                    output::note(&format!("{how}: {}", name(&image, reference)));
                }
                return output::line(&image.id);
            }
        }
    }
}

async fn load(images: &Images, archive: &str, tag: &str) -> Result<(), Failure> {
    let loaded = if archive == "-" {
        images.load(tokio::io::stdin(), tag).await?
    } else {
        images.load_file(Path::new(archive), tag).await?
    };
    for image in &loaded {
        output::line(&format!("Loaded image: {}", name(image, &image.id)))?;
    }
    Ok(())
}

async fn remove(images: &Images, named: &[String], force: bool) -> Result<(), Failure> {
    let mut failed = false;
    for reference in named {
        match images.remove(reference, force).await {
            Ok(removed) => print_removed(&removed)?,
            Err(error) => {
                output::note(&failure::told(&error, ""));
                failed = true;
            }
        }
    }
    if failed {
        Err(Failure::Exit(1))
    } else {
        Ok(())
    }
}

fn print_removed(removed: &proto::RemoveImageResponse) -> Result<(), Failure> {
    for reference in &removed.untagged {
        output::line(&format!("Untagged: {reference}"))?;
    }
    if !removed.removed_id.is_empty() {
        output::line(&format!("Deleted: {}", removed.removed_id))?;
    }
    Ok(())
}

/// The name an image is best known by.
fn name<'a>(image: &'a proto::Image, otherwise: &'a str) -> &'a str {
    image
        .tags
        .first()
        .or_else(|| image.digests.first())
        .map_or(otherwise, String::as_str)
}
