package eventlog

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// kql evaluates the part of Kibana's query language that our queries use
// (elastic.co/docs/explore-analyze/query-filter/languages/kql): and, or, not, brackets,
// field : value, field : (a or b), field : *, and comparisons with a number. Each field
// must be in the template.
type kqlQuery struct {
	tokens []string
	m      *mapper
	fields map[string]any
	err    error
}

var kqlToken = regexp.MustCompile(`"[^"]*"|<=|>=|[():<>]|[^\s():<>"]+`)

// matchesKQL reports whether a query is for a document.
func matchesKQL(m *mapper, query string, fields map[string]any) (bool, error) {
	q := &kqlQuery{tokens: kqlToken.FindAllString(query, -1), m: m, fields: fields}
	if len(q.tokens) == 0 {
		return true, nil
	}
	found := q.or()
	if len(q.tokens) > 0 {
		q.fail("%v is left over", q.tokens)
	}
	return found, q.err
}

func (q *kqlQuery) fail(format string, args ...any) {
	if q.err == nil {
		q.err = fmt.Errorf(format, args...)
	}
	q.tokens = nil
}

func (q *kqlQuery) accept(token string) bool {
	if len(q.tokens) == 0 || !strings.EqualFold(q.tokens[0], token) {
		return false
	}
	q.tokens = q.tokens[1:]
	return true
}

func (q *kqlQuery) or() bool {
	found := q.and()
	for q.accept("or") {
		found = q.and() || found
	}
	return found
}

func (q *kqlQuery) and() bool {
	found := q.not()
	for q.accept("and") {
		found = q.not() && found
	}
	return found
}

func (q *kqlQuery) not() bool {
	if q.accept("not") {
		return !q.not()
	}
	if q.accept("(") {
		found := q.or()
		if !q.accept(")") {
			q.fail("a bracket is open")
		}
		return found
	}
	return q.term()
}

func (q *kqlQuery) term() bool {
	if len(q.tokens) < 3 {
		q.fail("%v is no field with an operator and a value", q.tokens)
		return false
	}
	field, operator := q.tokens[0], q.tokens[1]
	if _, _, ok := q.m.find(field, ""); !ok {
		q.fail("%s is not in the template", field)
		return false
	}
	q.tokens = q.tokens[2:]
	value, known := q.fields[field]
	if operator != ":" {
		return q.compare(operator, value)
	}
	if !q.accept("(") {
		same := q.equal(value)
		return known && same
	}
	found := q.equal(value)
	for q.accept("or") {
		found = q.equal(value) || found
	}
	if !q.accept(")") {
		q.fail("the values of %s do not end", field)
	}
	return known && found
}

func (q *kqlQuery) equal(value any) bool {
	if len(q.tokens) == 0 {
		return false
	}
	want := strings.Trim(q.tokens[0], `"`)
	q.tokens = q.tokens[1:]
	return want == "*" || fmt.Sprint(value) == want
}

func (q *kqlQuery) compare(operator string, value any) bool {
	want, err := json.Number(q.tokens[0]).Float64()
	if err != nil || !slices.Contains([]string{"<", "<=", ">", ">="}, operator) {
		q.fail("%s %s is no comparison", operator, q.tokens[0])
		return false
	}
	q.tokens = q.tokens[1:]
	number, ok := value.(json.Number)
	got, err := number.Float64()
	if !ok || err != nil {
		return false
	}
	return map[string]bool{"<": got < want, "<=": got <= want, ">": got > want, ">=": got >= want}[operator]
}

func TestKQL(t *testing.T) {
	m := newMapper(t)
	fields := map[string]any{"event.dataset": "jvmem.oom", "jvmem.usage_bytes": json.Number("10"), "orchestrator.namespace": "shop"}
	for query, want := range map[string]bool{
		`event.dataset : "jvmem.oom" and jvmem.usage_bytes >= 10`:             true,
		`event.dataset:("jvmem.diagnosis" or "jvmem.oom") and not message:*`:  true,
		`not (orchestrator.namespace: shop or jvmem.usage_bytes > 10)`:        false,
		`jvmem.usage_bytes < 10 or jvmem.limit_bytes < 10`:                    false,
		`jvmem.limit_bytes : * or orchestrator.namespace : ("bank" or shop)`:  true,
		`orchestrator.namespace : "bank" and event.dataset : * or message: *`: false,
	} {
		if got, err := matchesKQL(m, query, fields); err != nil || got != want {
			t.Errorf("%s: %v, %v", query, got, err)
		}
	}
	for _, query := range []string{`a.b : 1`, `event.dataset`, `(event.dataset : x`, `event.dataset : x y`, `event.dataset : (x or y`, `jvmem.usage_bytes > x`} {
		if _, err := matchesKQL(m, query, fields); err == nil {
			t.Errorf("%s was taken", query)
		}
	}
}

// matching are the real lines that a query finds; it must find some.
func matching(t *testing.T, m *mapper, query string, lines []map[string]any) (found []map[string]any) {
	t.Helper()
	for _, fields := range lines {
		ok, err := matchesKQL(m, query, fields)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if ok {
			found = append(found, fields)
		}
	}
	if len(found) == 0 {
		t.Errorf("no real line is found by %s", query)
	}
	return found
}

// flatLines are the real lines as Elasticsearch has them.
func flatLines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, line := range realLines(t) {
		all = append(all, flatten(t, line))
	}
	return all
}
