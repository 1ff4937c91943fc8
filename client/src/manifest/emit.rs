//! From JSON values to text, byte for byte as kubectl prints them.

mod json;
mod yaml;

pub use json::to_json_text;
pub use yaml::to_yaml_text;
