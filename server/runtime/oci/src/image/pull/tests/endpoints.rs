//! Mirrors, refusals, credentials and redirects.

use super::*;

fn mirrored(mirrors: &[&str]) -> RegistryConfig {
    let json = serde_json::json!({
        "auth_files": [],
        "registries": {"docker.io": {"mirrors": mirrors, "mirrors_only": true}},
    });
    serde_json::from_value(json).unwrap()
}

#[tokio::test]
async fn mirrors_are_tried_in_order_until_one_has_it() {
    let image = two_layers();
    let empty = TestRegistry::serving(&[]).await;
    let full = TestRegistry::serving(&[("library/app:latest", &image)]).await;
    let (empty_url, full_url) = (
        format!("http://{}", empty.address),
        format!("http://{}", full.address),
    );
    let fixture = Fixture::with(mirrored(&["http://127.0.0.1:1", &empty_url, &full_url]));
    let pulled = fixture.pull("app").await.unwrap();
    assert_eq!(pulled.tags, ["docker.io/library/app:latest"]);
    assert_eq!(empty.requests("").len(), 1);
    assert!(
        full.requests("/blobs/")
            .iter()
            .all(|got| got.path.ends_with("?ns=docker.io"))
    );

    let fixture = Fixture::with(mirrored(&["http://127.0.0.1:1", &empty_url]));
    let error = fixture.pull("app").await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ImageError::NotFound { .. }), "{text}");
    assert!(
        text.contains("127.0.0.1:1: ") && text.contains("manifest unknown (404)"),
        "{text}"
    );
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    for (status, reason, text) in [
        (404, "ErrImagePull", "not found"),
        (401, "ErrImagePull", "denied"),
        (403, "ErrImagePull", "denied"),
        (429, "RegistryUnavailable", "unavailable"),
        (500, "RegistryUnavailable", "unavailable"),
        (400, "ErrImagePull", "refused"),
    ] {
        let registry = TestRegistry::answering(move |_| Answer::status(status, "oops\nmore")).await;
        let error = Fixture::new()
            .pull(&format!("{}/app:v1", registry.address))
            .await
            .unwrap_err();
        assert_eq!(error.waiting_reason(), reason, "{status}");
        let shown = error.to_string();
        assert!(
            shown.contains(text) && shown.contains("oops") && !shown.contains("more"),
            "{shown}"
        );
    }
    let error = Fixture::new().pull("127.0.0.1:1/app").await.unwrap_err();
    assert_eq!(error.waiting_reason(), "RegistryUnavailable");
    assert!(error.to_string().contains("onnection refused"), "{error}");
    let error = Fixture::new().pull("bad::ref").await.unwrap_err();
    assert_eq!(error.waiting_reason(), "InvalidImageName");
}

/// Wants a bearer token, which its own token service gives for `me:secret` only.
fn guarded(content: Content, address: Arc<parking_lot::Mutex<String>>) -> impl Fn(&Got) -> Answer {
    move |got| {
        let authorization = got.headers.get("authorization").map(String::as_str);
        if got.path.starts_with("/token") {
            return match authorization {
                Some("Basic bWU6c2VjcmV0") => Answer::ok(br#"{"access_token":"t0k"}"#),
                _ => Answer::status(
                    401,
                    r#"{"errors":[{"code":"DENIED","message":"who are you"}]}"#,
                ),
            };
        }
        if authorization == Some("Bearer t0k") {
            return content.answer(got);
        }
        let challenge = format!(
            "Bearer realm=\"http://{}/token\",service=\"s\",scope=\"repository:app:pull\"",
            address.lock()
        );
        Answer::status(401, "").header("WWW-Authenticate", &challenge)
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_with_the_credentials_of_this_pull() {
    let image = two_layers();
    let address = Arc::<parking_lot::Mutex<String>>::default();
    let content = Content::new(&[("app:v1", &image)]);
    let registry = TestRegistry::answering(guarded(content, Arc::clone(&address))).await;
    address.lock().clone_from(&registry.address);
    let reference = format!("{}/app:v1", registry.address);
    let fixture = Fixture::new();

    let error = fixture.pull(&reference).await.unwrap_err();
    assert!(matches!(error, ImageError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("who are you"), "{error}");

    let credentials = Credentials::Basic {
        username: "me".to_owned(),
        password: "secret".to_owned(),
    };
    let pulled = fixture
        .store
        .pull(&reference, Some(credentials), None)
        .await;
    assert_eq!(pulled.unwrap().id, image.id());
    let tokens = registry.requests("/token");
    assert_eq!(tokens.len(), 2, "one per pull");
    assert_eq!(
        tokens[1].path,
        "/token?scope=repository%3Aapp%3Apull&service=s"
    );

    let error = fixture.pull(&reference).await.unwrap_err();
    assert!(
        matches!(error, ImageError::Unauthorized { .. }),
        "credentials must not stay"
    );
}

#[tokio::test]
async fn parallel_downloads_renew_an_expired_token_once() {
    let image = two_layers();
    let content = Content::new(&[("app:v1", &image)]);
    let layers: Vec<String> = image
        .layers
        .iter()
        .map(|l| Digest::of(l).to_string())
        .collect();
    let address = Arc::<parking_lot::Mutex<String>>::default();
    let (realm, issued) = (Arc::clone(&address), AtomicUsize::new(0));
    let registry = TestRegistry::answering(move |got| {
        if got.path.starts_with("/token") {
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            return Answer::ok(format!("{{\"token\":\"t{number}\"}}").as_bytes());
        }
        // Between config and layers the first token expires.
        let is_layer = layers.iter().any(|layer| got.path.contains(layer));
        let wanted = if is_layer { "Bearer t2" } else { "Bearer t1" };
        if got
            .headers
            .get("authorization")
            .is_some_and(|given| given == wanted)
        {
            return content.answer(got);
        }
        let challenge = format!("Bearer realm=\"http://{}/token\"", realm.lock());
        Answer::status(401, "").header("WWW-Authenticate", &challenge)
    })
    .await;
    address.lock().clone_from(&registry.address);
    Fixture::new()
        .pull(&format!("{}/app:v1", registry.address))
        .await
        .unwrap();
    assert_eq!(registry.requests("/token").len(), 2);
}

#[tokio::test]
async fn a_redirect_to_another_host_does_not_carry_the_token() {
    let image = two_layers();
    let storage = TestRegistry::serving(&[("app:v1", &image)]).await;
    let content = Content::new(&[("app:v1", &image)]);
    // Another host by name, the same by address.
    let elsewhere = storage.address.replace("127.0.0.1", "localhost");
    let registry = TestRegistry::answering(move |got| {
        if !got.headers.contains_key("authorization") {
            return Answer::status(401, "").header("WWW-Authenticate", "Basic realm=\"r\"");
        }
        if got.path.contains("/blobs/") {
            let to = format!("http://{elsewhere}{}", got.path);
            return Answer::status(307, "").header("Location", &to);
        }
        content.answer(got)
    })
    .await;
    let credentials = Credentials::Basic {
        username: "me".to_owned(),
        password: "secret".to_owned(),
    };
    let reference = format!("{}/app:v1", registry.address);
    Fixture::new()
        .store
        .pull(&reference, Some(credentials), None)
        .await
        .unwrap();
    let received = storage.requests("/blobs/");
    assert_eq!(received.len(), 3);
    assert!(
        received
            .iter()
            .all(|got| !got.headers.contains_key("authorization"))
    );
}
