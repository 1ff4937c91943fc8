//! Reasons and domain of the `google.rpc.ErrorInfo` every failed RPC carries. What each means, with which gRPC code it
//! comes and what its metadata holds is written at [`ErrorReason`](crate::v1::ErrorReason).

/// The `domain` of every `ErrorInfo` of Lifepod.
pub const DOMAIN: &str = "lifepod.dev";

/// NOT_FOUND. No such pod. Metadata: `namespace`, `name`.
pub const POD_NOT_FOUND: &str = "POD_NOT_FOUND";
/// NOT_FOUND. The pod has no such container. Metadata: `namespace`, `name`, `container`, `containers`.
pub const CONTAINER_NOT_FOUND: &str = "CONTAINER_NOT_FOUND";
/// NOT_FOUND. No such image, on the machine or in the registry. Metadata: `reference`.
pub const IMAGE_NOT_FOUND: &str = "IMAGE_NOT_FOUND";
/// NOT_FOUND. No such command. Metadata: `exec_id`.
pub const EXEC_NOT_FOUND: &str = "EXEC_NOT_FOUND";
/// FAILED_PRECONDITION. There is no log of that instance. Metadata: `namespace`, `name`, `container`.
pub const LOG_NOT_FOUND: &str = "LOG_NOT_FOUND";
/// ALREADY_EXISTS. The name is taken. Metadata: `namespace`, `name`, `uid`.
pub const POD_ALREADY_EXISTS: &str = "POD_ALREADY_EXISTS";
/// ALREADY_EXISTS. The request id was used for a request of other content. Metadata: `request_id`.
pub const REQUEST_ID_REUSED: &str = "REQUEST_ID_REUSED";
/// INVALID_ARGUMENT. Fields of the request are wrong; see BadRequest. Metadata: `namespace`, `name` when known.
pub const VALIDATION_FAILED: &str = "VALIDATION_FAILED";
/// INVALID_ARGUMENT. A container must be named. Metadata: `namespace`, `name`, `containers`.
pub const CONTAINER_REQUIRED: &str = "CONTAINER_REQUIRED";
/// INVALID_ARGUMENT. A selector cannot be parsed. Metadata: `selector`.
pub const SELECTOR_INVALID: &str = "SELECTOR_INVALID";
/// INVALID_ARGUMENT. A page token or resume token is not one of this server's. Metadata: `field`.
pub const TOKEN_INVALID: &str = "TOKEN_INVALID";
/// INVALID_ARGUMENT. An image reference cannot be parsed. Metadata: `reference`.
pub const IMAGE_REFERENCE_INVALID: &str = "IMAGE_REFERENCE_INVALID";
/// INVALID_ARGUMENT. An archive cannot be read. Metadata: `detail`.
pub const ARCHIVE_INVALID: &str = "ARCHIVE_INVALID";
/// INVALID_ARGUMENT. A stream did not begin with its first frame, or a frame came out of order. Metadata: `detail`.
pub const FRAME_INVALID: &str = "FRAME_INVALID";
/// INVALID_ARGUMENT. A request id is not a UUID. Metadata: `request_id`.
pub const REQUEST_ID_INVALID: &str = "REQUEST_ID_INVALID";
/// FAILED_PRECONDITION. The pod has another uid. Metadata: `namespace`, `name`, `expected`, `actual`.
pub const UID_MISMATCH: &str = "UID_MISMATCH";
/// ABORTED. The pod is at another revision. Metadata: `namespace`, `name`, `expected`, `actual`.
pub const REVISION_MISMATCH: &str = "REVISION_MISMATCH";
/// FAILED_PRECONDITION. The pod does not run. Metadata: `namespace`, `name`, `phase`.
pub const POD_NOT_RUNNING: &str = "POD_NOT_RUNNING";
/// FAILED_PRECONDITION. The container does not run. Metadata: `namespace`, `name`, `container`, `state`.
pub const CONTAINER_NOT_RUNNING: &str = "CONTAINER_NOT_RUNNING";
/// FAILED_PRECONDITION. The container has not started yet. Metadata: `namespace`, `name`, `container`, `reason`.
pub const CONTAINER_WAITING: &str = "CONTAINER_WAITING";
/// FAILED_PRECONDITION. The pod is being deleted. Metadata: `namespace`, `name`.
pub const POD_TERMINATING: &str = "POD_TERMINATING";
/// FAILED_PRECONDITION. Containers use the image. Metadata: `reference`, `containers`.
pub const IMAGE_IN_USE: &str = "IMAGE_IN_USE";
/// FAILED_PRECONDITION. Another or an emptied store. Metadata: `expected`, `actual`.
pub const EPOCH_CHANGED: &str = "EPOCH_CHANGED";
/// FAILED_PRECONDITION. The token belongs to another selector.
pub const SELECTOR_MISMATCH: &str = "SELECTOR_MISMATCH";
/// OUT_OF_RANGE. The revision is not kept any more. Metadata: `revision`, `oldest_revision`.
pub const REVISION_EXPIRED: &str = "REVISION_EXPIRED";
/// OUT_OF_RANGE. The revision does not exist yet. Metadata: `revision`, `newest_revision`.
pub const REVISION_IN_FUTURE: &str = "REVISION_IN_FUTURE";
/// RESOURCE_EXHAUSTED. Too many mutations wait; with RetryInfo.
pub const QUEUE_FULL: &str = "QUEUE_FULL";
/// RESOURCE_EXHAUSTED. Too many pods. Metadata: `limit`.
pub const POD_LIMIT_REACHED: &str = "POD_LIMIT_REACHED";
/// RESOURCE_EXHAUSTED. Too many streams. Metadata: `limit`.
pub const STREAM_LIMIT_REACHED: &str = "STREAM_LIMIT_REACHED";
/// RESOURCE_EXHAUSTED. The message is too large. Metadata: `limit`.
pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
/// UNAVAILABLE. The server is starting; with RetryInfo.
pub const SERVER_STARTING: &str = "SERVER_STARTING";
/// UNAVAILABLE. The server is going down; with RetryInfo.
pub const SERVER_DRAINING: &str = "SERVER_DRAINING";
/// UNAVAILABLE. The journal cannot be written. Metadata: `detail`.
pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
/// UNAVAILABLE. The runtime or the pod's shim cannot be reached. Metadata: `detail`.
pub const RUNTIME_UNAVAILABLE: &str = "RUNTIME_UNAVAILABLE";
/// UNAVAILABLE. The registry cannot be reached. Metadata: `registry`, `detail`.
pub const REGISTRY_UNAVAILABLE: &str = "REGISTRY_UNAVAILABLE";
/// UNAVAILABLE. Nothing listens on the port. Metadata: `port`.
pub const CONNECTION_REFUSED: &str = "CONNECTION_REFUSED";
/// ABORTED. The forwarded connection broke. Metadata: `port`.
pub const CONNECTION_RESET: &str = "CONNECTION_RESET";
/// PERMISSION_DENIED. The registry refused. Metadata: `registry`, `reference`.
pub const REGISTRY_DENIED: &str = "REGISTRY_DENIED";
/// PERMISSION_DENIED. The client may not do this. Metadata: `identity`, `rpc`.
pub const FORBIDDEN: &str = "FORBIDDEN";
/// UNIMPLEMENTED. The RPC is designed but not served by this server. Metadata: `rpc`.
pub const RPC_NOT_SERVED: &str = "RPC_NOT_SERVED";
/// DEADLINE_EXCEEDED. The client's deadline passed before the answer.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// INTERNAL. A defect of the server. Metadata: `incident`, to find it in the server's log.
pub const INTERNAL: &str = "INTERNAL";

#[cfg(test)]
mod tests {
    use crate::v1::ErrorReason;

    #[test]
    fn every_reason_is_one_of_the_published_list() {
        let source = include_str!("reasons.rs");
        let named: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
            .filter(|name| *name != "DOMAIN")
            .collect();
        for name in &named {
            let full = format!("ERROR_REASON_{name}");
            assert!(ErrorReason::from_str_name(&full).is_some(), "{name}");
        }
        let published = (1..=200)
            .filter(|number| ErrorReason::try_from(*number).is_ok())
            .count();
        assert_eq!(named.len(), published);
    }
}
