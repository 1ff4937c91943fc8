//! Callers spawn the SDK's futures: every one must be `Send`. This is proved by compiling.

use lifepod_client::{
    Client, DeleteOptions, Endpoint, ExecOptions, LogOptions, Result, Selector, TransitionFilter,
    Wait, WatchOptions, proto,
};

fn spawnable(_: impl Future + Send + 'static) {}

#[tokio::test]
async fn every_call_can_be_spawned() -> Result<()> {
    let endpoint: Endpoint = "/nobody/answers/here".parse()?;
    let client = Client::builder(endpoint).connect_lazy()?;
    let pods = client.pods("default");
    let with = || pods.clone();

    let pods = with();
    spawnable(async move { pods.create(proto::Pod::default()).await });
    let pods = with();
    spawnable(async move { pods.update(proto::Pod::default()).await });
    let pods = with();
    spawnable(async move { pods.get("web").await });
    let pods = with();
    spawnable(async move { pods.list(&Selector::all()).await });
    let pods = with();
    spawnable(async move { pods.delete("web", DeleteOptions::default()).await });
    let pods = with();
    spawnable(async move { pods.wait_for("web", Wait::deleted()).await });
    let pods = with();
    spawnable(async move { pods.transitions(TransitionFilter::default()).await });
    let pods = with();
    spawnable(async move { pods.events(&Selector::all()).await });
    let pods = with();
    spawnable(async move { pods.watch(WatchOptions::default()).next().await });
    let pods = with();
    spawnable(async move { pods.run("web", ExecOptions::new(["true"])).await });
    let pods = with();
    spawnable(async move { pods.logs("web", LogOptions::default()).await?.next().await });

    let images = client.images();
    spawnable(async move { images.list().await });
    let images = client.images();
    spawnable(async move { images.pull("web").await?.finish().await });
    let images = client.images();
    spawnable(async move { images.load(tokio::io::empty(), "").await });
    let images = client.images();
    spawnable(async move { images.remove("web", false).await });
    spawnable(async move { client.server_info().await });
    Ok(())
}
