# shellcheck shell=bash
# An issuer of tokens that needs no server: a key, and what Berth is told of it.

# trust_issuer: makes a key, and has Berth take whoever comes from `acme/app` for a writer on acme/**.
trust_issuer() {
    openssl genrsa -out "$WORK/issuer.pem" 2048 2>/dev/null
    python3 - "$(openssl rsa -in "$WORK/issuer.pem" -noout -modulus)" >"$WORK/issuer.json" <<'PYTHON'
import base64, json, sys
number = bytes.fromhex(sys.argv[1].split("=")[1])
n = base64.urlsafe_b64encode(number).rstrip(b"=").decode()
print(json.dumps({"keys": [{"kty": "RSA", "kid": "test", "use": "sig", "alg": "RS256", "n": n, "e": "AQAB"}]}))
PYTHON
    "$BERTH" federation issuer add test https://ci.example --audience registry.example --keys "$WORK/issuer.json" --data "$WORK/data" &&
        "$BERTH" federation rule add app --issuer test --is repository=acme/app --role writer --on 'acme/**' --data "$WORK/data"
}

base64url() {
    openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# workload_token REPOSITORY [AUDIENCE]: as a CI system gives it to a job.
workload_token() {
    local now header payload
    now=$(date +%s)
    header=$(printf '{"alg":"RS256","typ":"JWT","kid":"test"}' | base64url)
    payload=$(printf '{"iss":"https://ci.example","sub":"repo:%s","repository":"%s","aud":"%s","iat":%d,"exp":%d}' \
        "$1" "$1" "${2:-registry.example}" "$now" $((now + 600)) | base64url)
    printf '%s.%s.%s' "$header" "$payload" \
        "$(printf '%s.%s' "$header" "$payload" | openssl dgst -sha256 -sign "$WORK/issuer.pem" -binary | base64url)"
}
