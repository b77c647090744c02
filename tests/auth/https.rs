//! Is an issuer's key set believed only from a server whose certificate is?

use edgebase_tests::token::{now, public, sign_public};
use edgebase_tests::{Product, Settings, fixture, python};
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Two private authorities, and a certificate of the first for `localhost`.
const CERTIFICATES: &str = "set -e
for ca in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.crt -subj /CN=$ca -days 2
done
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=issuer
echo subjectAltName=DNS:localhost > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile server.ext";

/// Serves the folder's files over HTTPS and says on which port.
const SERVER: &str = "
import http.server, ssl
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('server.crt', 'server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path) -> (Serving, String) {
    let mut server = Command::new(python())
        .args(["-c", SERVER])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    (Serving(server), port.trim().to_owned())
}

#[tokio::test]
async fn a_key_set_counts_only_with_a_certificate_of_a_trusted_authority_for_that_host() {
    let folder = std::env::temp_dir().join(format!("edgebase-https-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = Command::new("sh").args(["-c", CERTIFICATES]).current_dir(&folder).output().unwrap();
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    let keys = json!({"keys": [public(Algorithm::ES256, "key")]});
    std::fs::write(folder.join("keys.json"), keys.to_string()).unwrap();
    let (_server, port) = serve(&folder);
    let token = |issuer: &str| {
        let claims = json!({"sub": "u", "iss": issuer, "exp": now() + 600});
        sign_public(Algorithm::ES256, Some("key"), &claims)
    };
    for (authority, issuer, status) in
        [("ca.crt", "named", 200), ("ca.crt", "misnamed", 503), ("other.crt", "named", 503)]
    {
        let environment = [
            ("EDGEBASE_PUBLIC_PORT", port.clone()),
            ("SSL_CERT_FILE", folder.join(authority).display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let settings = Settings { environment, ..Settings::default() };
        let product = Product::start_with(&fixture("tokens_https.ts"), settings);
        let client = product.anonymous().bearer(&token(issuer));
        let answer = client.get("/api/db/app/tables/seen").await;
        assert_eq!(answer.status, status, "{authority}, {issuer}: {}", answer.text);
        if status == 503 {
            assert_eq!(answer.headers["retry-after"], "1", "{authority}, {issuer}");
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}
