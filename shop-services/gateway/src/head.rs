//! Heads of requests and answers: one canonical path, one host; nothing that belongs to one connection goes on to the
//! next.
//!
//! The framing is hyper's: it refuses two lengths, and where a length and an encoding are told, the length is removed
//! before anybody here sees it, so the service is told one of them. **Source**: RFC 9110 §7.6.1 (connection headers),
//! RFC 9112 §6.3 and §11.2 (framing, request smuggling).

use std::net::IpAddr;

use http::header::{
    CONNECTION, COOKIE, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use shop_kit::Problem;
use shop_kit::server::Caller;

/// Who the client is, as proxies tell it.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How the client connected.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Whom the client asked for.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Names of proxies' headers that only proxies may set begin like this.
const FORWARDED_PREFIX: &str = "x-forwarded-";
/// Other headers that only a proxy may set.
const IDENTITY: [HeaderName; 2] = [FORWARDED, HeaderName::from_static("x-real-ip")];
/// Headers of one connection besides those that `Connection` names.
const HOP: [HeaderName; 9] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The host that a request is for, lower case and without port.
///
/// # Errors
/// Where the request could be understood in two ways, by path or host.
pub fn checked(parts: &Parts) -> Result<String, Problem> {
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Err(Problem::method_not_allowed());
    }
    let ambiguous = |what: &str| Problem::bad_request(format!("{what}; one request has one meaning"));
    if !is_canonical(&parts.uri) {
        return Err(ambiguous(
            "the path is not canonical: no empty, `.` or `..` segments, and escapes only where needed",
        ));
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    let told = hosts.next().map(|host| host.to_str().unwrap_or_default());
    let target = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = match (target, told, hosts.next()) {
        (Some(target), Some(host), None) if target.eq_ignore_ascii_case(host) => target,
        (Some(one), None, None) | (None, Some(one), None) => one,
        (None, None, _) => return Err(ambiguous("there is no Host")),
        _ => return Err(ambiguous("there are two hosts")),
    };
    let authority: http::uri::Authority = host.parse().map_err(|_| ambiguous("Host is none"))?;
    if authority.as_str().contains('@') {
        return Err(ambiguous("Host is none"));
    }
    Ok(authority.host().to_ascii_lowercase())
}

/// Whether nobody on the way to the service could read the path as another one.
fn is_canonical(uri: &Uri) -> bool {
    let path = uri.path();
    let escapes_are_needed = path.split('%').skip(1).all(|rest| {
        let code = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let code = code.filter(|_| rest.as_bytes()[0] != b'+').map(char::from);
        code.is_some_and(|c| !c.is_ascii_alphanumeric() && !c.is_ascii_control() && !r"/\.%-_~".contains(c))
    });
    let segments = path.strip_prefix('/').unwrap_or("/");
    let whole = segments.is_empty() || segments.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    whole && escapes_are_needed && !path.contains('\\') && path.is_ascii()
}

/// The client: whoever the last of the trusted proxies saw, or the other end of the connection.
pub fn client(headers: &HeaderMap, caller: Caller, trusted_hops: usize) -> IpAddr {
    let told: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .collect();
    // Counted from the end, which the nearest proxy wrote; what is before those believed may be anything.
    let believed = trusted_hops.checked_sub(1).and_then(|before| told.iter().rev().nth(before));
    believed.and_then(|address| address.parse().ok()).unwrap_or(caller.address.ip()).to_canonical()
}

/// Makes the headers of a request those of the request to the service.
pub fn onward(headers: &mut HeaderMap, client: IpAddr, caller: Caller, host: &str) {
    strip(headers);
    let theirs: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(FORWARDED_PREFIX)).cloned().collect();
    for name in theirs.iter().chain(&IDENTITY).chain([&HOST]) {
        headers.remove(name);
    }
    // HTTP/2 may split cookies, HTTP/1.1 may not (RFC 9113 §8.2.3).
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
    let proto = if caller.encrypted { "https" } else { "http" };
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    for (name, value) in [(FORWARDED_FOR, client.to_string().as_str()), (FORWARDED_HOST, host)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// Removes what belongs to one connection.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_that_could_be_two_is_refused() {
        let host = ("host", "Shop.Example:443");
        assert_eq!(checked(&parts("/v1/products/a%20b?x=%2e", &[host])).unwrap(), "shop.example");
        assert_eq!(checked(&parts("/", &[host])).unwrap(), "shop.example");
        for path in [
            "//v1",
            "/v1//x",
            "/v1/../x",
            "/v1/.",
            "/v1/%2e%2e/x",
            "/v1%2fx",
            "/v1/%70",
            "/v1/%5c",
            "/%00",
            "/%0a",
            "/%",
            "/%4",
            "/%+1",
            "/%zz",
            "/v1/",
            "/%25%32%65",
        ] {
            assert_eq!(checked(&parts(path, &[host])).unwrap_err().status(), 400, "{path}");
        }
        for headers in [&[][..], &[host, host], &[("host", "a b")], &[("host", "user@shop.example")]] {
            assert_eq!(checked(&parts("/v1", headers)).unwrap_err().status(), 400, "{headers:?}");
        }
        assert!(checked(&parts("http://shop.example/v1", &[("host", "other.example")])).is_err());
        assert!(checked(&parts("http://shop.example/v1", &[("host", "shop.example")])).is_ok());
    }

    #[test]
    fn only_proxies_that_are_trusted_say_who_the_client_is() {
        let caller = Caller { address: ([10, 0, 0, 9], 1).into(), encrypted: false };
        let seen =
            |told: &str, hops| client(&parts("/", &[("x-forwarded-for", told)]).headers, caller, hops).to_string();
        assert_eq!(seen("192.0.2.7", 0), "10.0.0.9");
        assert_eq!(seen("203.0.113.1, 192.0.2.7", 1), "192.0.2.7");
        assert_eq!(seen("203.0.113.1, 192.0.2.7", 2), "203.0.113.1");
        assert_eq!(seen("192.0.2.7", 2), "10.0.0.9");
        assert_eq!(seen("junk, , 192.0.2.7", 1), "192.0.2.7");
        assert_eq!(client(&HeaderMap::new(), caller, 1).to_string(), "10.0.0.9");
    }

    #[test]
    fn what_belongs_to_one_connection_or_claims_to_be_ours_does_not_go_on() {
        let sent = [
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("te", "gzip"),
            ("upgrade", "websocket"),
            ("keep-alive", "5"),
            ("proxy-authorization", "x"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-user", "root"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("host", "shop.example"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("accept", "text/html"),
        ];
        let mut headers = parts("/", &sent).headers;
        let caller = Caller { address: ([10, 0, 0, 9], 1).into(), encrypted: true };
        onward(&mut headers, caller.address.ip(), caller, "shop.example");
        let left: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let mut expected = vec![
            ("accept", "text/html"),
            ("cookie", "a=1; b=2"),
            ("x-forwarded-for", "10.0.0.9"),
            ("x-forwarded-host", "shop.example"),
            ("x-forwarded-proto", "https"),
        ];
        expected.sort_unstable();
        let mut left = left;
        left.sort_unstable();
        assert_eq!(left, expected);
    }
}
