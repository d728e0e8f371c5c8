package otp

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// jsonLinks reads one-click actions from JSON-LD. They are weak: a link that a person can see comes
// first.
func (e *extraction) jsonLinks() []*linkCandidate {
	var out []*linkCandidate
	for _, doc := range e.jsonLD {
		var v any
		if json.Unmarshal([]byte(doc), &v) != nil {
			continue
		}
		walkJSON(v, 0, func(obj map[string]any) {
			if obj["@type"] != "ConfirmAction" {
				return
			}
			handler, _ := obj["handler"].(map[string]any)
			handlerURL, _ := handler["url"].(string)
			url, _ := obj["url"].(string)
			url = cmp.Or(url, handlerURL)
			if url != "" && readURL(url).token > 0 && !readURL(url).other {
				name, _ := obj["name"].(string)
				out = append(out, &linkCandidate{url: url, label: name, score: LinkThreshold})
			}
		})
	}
	return out
}

func walkJSON(v any, depth int, visit func(map[string]any)) {
	if depth > 12 {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			walkJSON(x, depth+1, visit)
		}
	case map[string]any:
		visit(v)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walkJSON(v[key], depth+1, visit)
		}
	}
}
