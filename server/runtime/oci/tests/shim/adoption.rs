//! A new server and old shims, living and dead.

use lifepod_oci::shim::{ShimError, ShimEvent, ShimHandle, kill_leftovers};
use lifepod_shim::{ExitRecord, protocol::ContainerStatus};
use rustix::process::{Pid, Signal, kill_process};

use crate::pod::{Pod, alive, next_exit, wait_until};

#[tokio::test]
async fn a_shim_is_found_again_with_everything_that_happened() {
    let (mut pod, events) = Pod::start().await;
    let lasting = pod.run("lasting", "sleep 1000").await.unwrap();
    let ending = pod.run("ending", "sleep 0.2; exit 11").await.unwrap();
    // The first server is gone.
    drop(events);
    let (second, _, second_events) = ShimHandle::connect(&pod.dir).await.unwrap();
    pod.shim = second;
    drop(second_events);
    wait_until("it has ended", || !alive(ending.pid)).await;
    wait_until("the record is there", || {
        ExitRecord::load_all(&pod.dir).unwrap().len() == 1
    })
    .await;
    let (third, state, mut events) = ShimHandle::connect(&pod.dir).await.unwrap();
    let status = |id: &str| {
        state
            .containers
            .iter()
            .find(|container| container.id == id)
            .unwrap()
            .status
            .clone()
    };
    assert_eq!(status("lasting"), ContainerStatus::Running(lasting));
    assert!(matches!(status("ending"), ContainerStatus::Exited(record) if record.exit_code == 11));
    third.signal("lasting", 9, false).await.unwrap();
    assert_eq!(next_exit(&mut events).await.container_id, "lasting");
    pod.shut_down().await;
}

#[tokio::test]
async fn a_killed_shim_is_lost_and_what_it_left_can_be_ended() {
    let (pod, mut events) = Pod::start().await;
    pod.run("ended", "exit 5").await.unwrap();
    assert_eq!(next_exit(&mut events).await.exit_code, 5);
    let left = pod.run("left", "sleep 1000").await.unwrap();
    let refused = kill_leftovers(&pod.dir, &pod.config.cgroup_parent).await;
    assert!(
        refused.is_err() && alive(left.pid),
        "a living shim's containers are not touched"
    );
    kill_process(Pid::from_raw(pod.state.pid).unwrap(), Signal::KILL).unwrap();
    assert!(matches!(events.next().await, ShimEvent::Lost));
    assert!(matches!(
        pod.shim.signal("left", 15, false).await,
        Err(ShimError::Gone)
    ));
    assert!(alive(left.pid), "containers live on without their shim");
    kill_leftovers(&pod.dir, &pod.config.cgroup_parent)
        .await
        .unwrap();
    wait_until("it is dead", || !alive(left.pid)).await;
    kill_leftovers(&pod.dir, &pod.config.cgroup_parent)
        .await
        .unwrap();
    let records = ExitRecord::load_all(&pod.dir).unwrap();
    assert_eq!(
        records
            .iter()
            .map(|record| record.exit_code)
            .collect::<Vec<_>>(),
        [5]
    );
}
