package prometheus

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is the part of Grafana's classic model that this test needs.
type dashboard struct {
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		Expr       string `json:"expr"`
		RefID      string `json:"refId"`
		Datasource struct {
			UID string `json:"uid"`
		} `json:"datasource"`
	} `json:"targets"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, []string{"datasource", "namespace", "pod", "container"}) || d.UID == "" || d.SchemaVersion < 41 {
		t.Errorf("variables %v, uid %q, schema %d", names, d.UID, d.SchemaVersion)
	}
	used := regexp.MustCompile(`\$\w+`)
	for i, p := range d.Panels {
		if p.Type != "row" && (len(p.Targets) == 0 || p.Description == "") {
			t.Errorf("%s: %d queries, described: %q", p.Title, len(p.Targets), p.Description)
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s exceeds the width of 24", p.Title)
		}
		for _, q := range d.Panels[:i] {
			apart := p.GridPos.X >= q.GridPos.X+q.GridPos.W || q.GridPos.X >= p.GridPos.X+p.GridPos.W ||
				p.GridPos.Y >= q.GridPos.Y+q.GridPos.H || q.GridPos.Y >= p.GridPos.Y+p.GridPos.H
			if p.ID == q.ID || !apart {
				t.Errorf("%s and %s overlap or have the same ID", p.Title, q.Title)
			}
		}
		for k, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || target.RefID != string(rune('A'+k)) {
				t.Errorf("%s: query %d is %s of %s", p.Title, k, target.RefID, target.Datasource.UID)
			}
			for _, name := range used.FindAllString(target.Expr, -1) {
				if !slices.Contains([]string{"$namespace", "$pod", "$container", "$__rate_interval", "$__range"}, name) {
					t.Errorf("%s: there is no variable %s", p.Title, name)
				}
			}
		}
	}
}

// query is a query of the dashboard as Grafana sends it.
type query struct{ panel, expr string }

// ofKills reports whether it returns data only after an OOM kill.
func (q query) ofKills() bool { return strings.Contains(q.expr, "jvmem_oom_kills") }

func (d *dashboard) queries(values map[string]string) []query {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "$"+name, value)
	}
	replacer := strings.NewReplacer(pairs...)
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{p.Title + ", query " + target.RefID, replacer.Replace(target.Expr)})
		}
	}
	return all
}

// variable is the source of the values of a variable.
type variable struct{ name, selector, label string }

func (d *dashboard) variables(t *testing.T, values map[string]string) []variable {
	t.Helper()
	var all []variable
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition)
		if m == nil {
			t.Fatalf("variable %s: %s", v.Name, v.Definition)
		}
		for name, value := range values {
			m[1] = strings.ReplaceAll(m[1], "$"+name, value)
		}
		all = append(all, variable{v.Name, m[1], m[2]})
	}
	return all
}
