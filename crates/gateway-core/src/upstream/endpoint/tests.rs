//! URLs and headers of each kind of provider.

use std::collections::BTreeMap;

use super::*;

fn endpoint(provider: Provider, base_url: &str, azure: Option<&Azure>) -> Endpoint {
    Endpoint::new(provider, base_url, azure).unwrap()
}

fn azure(version: Option<&str>) -> Azure {
    Azure {
        api_version: version.map(str::to_owned),
        deployments: BTreeMap::from([("gpt-4.1".to_owned(), "prod 4.1".to_owned())]),
    }
}

#[test]
fn openai_paths_are_below_the_base() {
    for base in [
        "https://integrate.api.nvidia.com/v1",
        "https://integrate.api.nvidia.com/v1/",
    ] {
        let endpoint = endpoint(Provider::OpenAi, base, None);
        assert_eq!(
            endpoint.uri("chat/completions", "m").unwrap(),
            "https://integrate.api.nvidia.com/v1/chat/completions"
        );
    }
    let root = endpoint(Provider::OpenAi, "http://127.0.0.1:11434", None);
    assert_eq!(
        root.uri("embeddings", "m").unwrap(),
        "http://127.0.0.1:11434/embeddings"
    );
    let (name, value) = root.credential("sk-1").unwrap();
    assert_eq!(
        (name.as_str(), value.to_str().unwrap()),
        ("authorization", "Bearer sk-1")
    );
    assert!(value.is_sensitive());
    assert!(root.credential("a\nb").is_none());
}

#[test]
fn classic_azure_names_the_deployment_and_the_version() {
    for base in [
        "https://r.openai.azure.com",
        "https://r.openai.azure.com/openai",
        "https://r.openai.azure.com/openai/v1/",
    ] {
        let endpoint = endpoint(Provider::Azure, base, Some(&azure(Some("2024-10-21"))));
        let deployment = endpoint.kind().upstream_model("gpt-4.1");
        assert_eq!(deployment, "prod 4.1");
        assert_eq!(
            endpoint.uri("chat/completions", deployment).unwrap(),
            "https://r.openai.azure.com/openai/deployments/prod%204.1/chat/completions?api-version=2024-10-21"
        );
        assert_eq!(
            endpoint.uri("responses", deployment).unwrap(),
            "https://r.openai.azure.com/openai/responses?api-version=2024-10-21"
        );
        assert_eq!(endpoint.credential("k").unwrap().0, "api-key");
    }
}

#[test]
fn azure_v1_has_openais_paths_and_no_version() {
    let endpoint = endpoint(
        Provider::Azure,
        "https://r.openai.azure.com",
        Some(&azure(None)),
    );
    assert_eq!(
        endpoint.uri("chat/completions", "prod").unwrap(),
        "https://r.openai.azure.com/openai/v1/chat/completions"
    );
    assert_eq!(endpoint.kind().upstream_model("unmapped"), "unmapped");
}

#[test]
fn a_hostile_deployment_name_cannot_leave_its_segment() {
    let endpoint = endpoint(
        Provider::Azure,
        "https://r.openai.azure.com",
        Some(&azure(Some("v&x=1"))),
    );
    let uri = endpoint.uri("embeddings", "../../x?y#z").unwrap();
    assert_eq!(
        uri,
        "https://r.openai.azure.com/openai/deployments/..%2F..%2Fx%3Fy%23z/embeddings?api-version=v%26x%3D1"
    );
}
