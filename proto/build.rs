//! Compiles the protos without protoc and keeps their descriptors for gRPC reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const ROOT: &str = "proto";
const PACKAGE: &str = "proto/lifepod/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let mut files = Vec::new();
    for entry in fs::read_dir(PACKAGE)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            println!("cargo:rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    // A directory has no order of its own; generated code should have one.
    files.sort();

    let descriptors = protox::compile(&files, [ROOT])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("lifepod.v1.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        // Maps in key order make equal messages equal bytes.
        .btree_map(".")
        .bytes(".")
        .compile_fds(descriptors)?;

    // Nothing here needs it, the workspace forbids `allow`, and that lint cannot be set off inside generated functions.
    let generated = out.join("lifepod.v1.rs");
    let code = fs::read_to_string(&generated)?;
    fs::write(
        &generated,
        code.replace("#[allow(non_camel_case_types)]", ""),
    )?;
    Ok(())
}
