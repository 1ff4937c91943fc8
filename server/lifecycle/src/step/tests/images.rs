//! Images.

use super::*;

#[test]
fn a_bad_image_backs_off_and_heals() {
    let mut w = World::ready(spec(RestartPolicy::Never, vec![container("c1")]));
    for delay in [10, 20] {
        let op = w.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
        w.fact(Fact::ImagePulling { op });
        w.fact(Fact::ImageFailed {
            op,
            failure: ImageFailure::ErrImagePull,
            message: "no such image".into(),
        });
        let (reason, message) = w.waiting("c1");
        assert_eq!(reason, "ImagePullBackOff");
        assert!(
            message.starts_with("Back-off pulling image \"app\": ErrImagePull: no such image"),
            "{message}"
        );
        assert_eq!(w.phase(), "Pending");
        w.pass(delay - 1);
        assert!(w.owed.is_empty());
        w.pass(1);
    }
    w.start();
    assert_eq!(w.phase(), "Running");
    assert!(w.log.contains(&"c1#0: Waiting(ErrImagePull)".to_owned()));
}
