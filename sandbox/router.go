package sandbox

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// access says what a credential must be good for on a route.
type access int

const (
	accessNone        access = iota // no credential
	accessAccount                   // the account: unbound token or management key
	accessAny                       // any credential of the account
	accessIdentity                  // one identity
	accessList                      // one identity; or the whole account for a management key
	accessOwn                       // the account, or a credential of the identity in the path
	accessIdentityKey               // an identity key and nothing else
)

type handler func(*call) (reply, error)

type route struct {
	method   string
	template string
	era      Era // the only one that has it; "" for both
	access   access
	handle   handler
	segments []string
}

// router finds routes by the escaped path, segment by segment, so that an escaped slash in an id
// stays inside its segment.
type router struct {
	bySize map[int][]*route
}

func newRouter(era Era, routes []route) *router {
	rt := &router{bySize: map[int][]*route{}}
	for i := range routes {
		r := &routes[i]
		if r.era != "" && r.era != era {
			continue
		}
		r.segments = strings.Split(strings.TrimPrefix(r.template, "/"), "/")
		rt.bySize[len(r.segments)] = append(rt.bySize[len(r.segments)], r)
	}
	for _, rs := range rt.bySize {
		slices.SortStableFunc(rs, func(a, b *route) int { // a fixed path goes before one with a variable
			return cmp.Compare(strings.Count(a.template, "{"), strings.Count(b.template, "{"))
		})
	}
	return rt
}

// find returns the route, or the methods allowed on the path when only the method does not fit, or
// neither.
func (rt *router) find(method, escaped string) (r *route, vars []string, allowed []string) {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	matched := ""
	for _, cand := range rt.bySize[len(parts)] {
		if matched != "" && cand.template != matched {
			continue
		}
		got, fits := cand.match(parts)
		if !fits {
			continue
		}
		matched = cand.template
		if cand.method == method {
			return cand, got, nil
		}
		allowed = append(allowed, cand.method)
	}
	slices.Sort(allowed)
	return nil, nil, allowed
}

func (r *route) match(parts []string) (vars []string, fits bool) {
	for i, seg := range r.segments {
		if !strings.HasPrefix(seg, "{") {
			if parts[i] != seg {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(parts[i])
		if err != nil || v == "" {
			return nil, false
		}
		vars = append(vars, v)
	}
	return vars, true
}

// noRoute answers a request that fits no route: a missing final slash, a wrong method, or an
// unknown path.
func (rt *router) noRoute(r *http.Request, allowed []string) *problem {
	if len(allowed) > 0 {
		p := detail(405, `Method "`+r.Method+`" not allowed.`)
		p.header = http.Header{"Allow": {strings.Join(allowed, ", ")}}
		return p
	}
	path := r.URL.EscapedPath()
	if r.Method == http.MethodGet && !strings.HasSuffix(path, "/") {
		if hit, _, others := rt.find(r.Method, path+"/"); hit != nil || len(others) > 0 {
			to := path + "/"
			if r.URL.RawQuery != "" {
				to += "?" + r.URL.RawQuery
			}
			return &problem{status: 301, body: rawBody{htmlType, nil}, header: http.Header{"Location": {to}}}
		}
	}
	return notARoute()
}
