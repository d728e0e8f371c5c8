package http

import "net/http"

// The values of headers that every answer has, shared by all of them.
var (
	valueNosniff     = []string{"nosniff"}
	valueNoStore     = []string{"no-store"}
	valueSameOrigin  = []string{"same-origin"}
	valueCrossOrigin = []string{"cross-origin"}
	valueCSP         = []string{"default-src 'none'; frame-ancestors 'none'"}
	valueNoReferrer  = []string{"no-referrer"}
	valueHSTS        = []string{"max-age=31536000"}
	valueClose       = []string{"close"}
	valueJSON        = []string{"application/json"}
	valueEvents      = []string{"text/event-stream"}
	valueUnbuffered  = []string{"no"}
)

func (s *httpServer) setSecurityHeaders(h http.Header) {
	h["X-Content-Type-Options"] = valueNosniff
	h["Cache-Control"] = valueNoStore
	h["Cross-Origin-Resource-Policy"] = valueSameOrigin
	h["Content-Security-Policy"] = valueCSP
	h["Referrer-Policy"] = valueNoReferrer
	if s.TLS {
		h["Strict-Transport-Security"] = valueHSTS
	}
}
