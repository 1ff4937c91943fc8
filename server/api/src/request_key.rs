//! Request ids: what makes a repeated mutation harmless.

use lifepod_engine::RequestKey;
use prost::Message;
use uuid::Uuid;

use crate::{
    error::{ApiError, Result},
    hash::Fnv,
};

/// The key of a mutation. `content` is the request without its id: maps are encoded in key
/// order, so equal contents have equal bytes.
///
/// # Errors
/// `REQUEST_ID_INVALID`.
pub(crate) fn request_key(
    rpc: &str,
    id: &str,
    content: &impl Message,
) -> Result<Option<RequestKey>> {
    if id.is_empty() {
        return Ok(None);
    }
    let uuid = Uuid::parse_str(id).map_err(|_| ApiError::RequestIdInvalid(id.to_owned()))?;
    let hash = Fnv::new().text(rpc).bytes(&content.encode_to_vec());
    Ok(Some(RequestKey {
        id: uuid.hyphenated().to_string(),
        fingerprint: hash.finish(),
    }))
}

#[cfg(test)]
mod tests {
    use lifepod_proto::v1 as proto;

    use super::*;

    const ID: &str = "0190d5a0-0000-7000-8000-000000000001";

    fn request(labels: &[(&str, &str)]) -> proto::CreatePodRequest {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        let metadata = proto::ObjectMeta {
            labels: labels.collect(),
            ..proto::ObjectMeta::default()
        };
        let pod = proto::Pod {
            metadata: Some(metadata),
            ..proto::Pod::default()
        };
        proto::CreatePodRequest {
            pod: Some(pod),
            ..proto::CreatePodRequest::default()
        }
    }

    #[test]
    fn equal_contents_have_equal_fingerprints() {
        let key = |rpc, labels: &[_]| request_key(rpc, ID, &request(labels)).unwrap().unwrap();
        let ab = key("Create", &[("a", "1"), ("b", "2")]);
        assert_eq!(ab, key("Create", &[("b", "2"), ("a", "1")]));
        assert_ne!(ab, key("Create", &[("a", "1")]));
        assert_ne!(ab, key("Delete", &[("a", "1"), ("b", "2")]));
    }

    #[test]
    fn an_id_is_a_uuid_in_any_spelling() {
        let content = request(&[]);
        let key = |id: &str| request_key("Create", id, &content);
        assert_eq!(key("").unwrap(), None);
        assert!(matches!(key("1234"), Err(ApiError::RequestIdInvalid(_))));
        assert_eq!(key(&ID.to_uppercase()).unwrap(), key(ID).unwrap());
    }
}
