package eventlog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// records is Lens' name for the number of documents.
const records = "___records___"

// column is a column of a Lens layer.
type column struct{ Operation, Field, Label string }

// layer is one source of a Lens panel: columns in their order, those that make
// buckets first.
type layer struct {
	id      string
	columns []column
}

type lensPanel struct {
	kind          string
	query         string
	layers        []layer
	visualization map[string]any
}

func (l *layer) columnID(i int) string { return fmt.Sprintf("%s-%d", l.id, i) }

func (c column) bucketed() bool { return c.Operation == "date_histogram" || c.Operation == "terms" }

func last(label, field string) column { return column{"last_value", field, label} }

// state is the column as Lens keeps it.
func (l *layer) state(m *mapper, i int) map[string]any {
	c := l.columns[i]
	s := map[string]any{"label": c.Label, "customLabel": true, "operationType": c.Operation, "sourceField": c.Field, "isBucketed": c.bucketed(), "dataType": "number", "scale": "ratio"}
	p := m.fields[c.Field].Type
	switch {
	case p == "date":
		s["dataType"] = "date"
	case p == "keyword" && c.Operation != "unique_count":
		s["dataType"] = "string"
	}
	switch c.Operation {
	case "date_histogram":
		s["scale"], s["params"] = "interval", map[string]any{"interval": "auto", "includeEmptyRows": false, "dropPartials": true}
	case "terms":
		order := map[string]any{"type": "alphabetical", "fallback": true}
		direction, size := "asc", 1000
		if slices.Contains(l.columns, overTime) { // a chart: those that have most
			order, direction, size = map[string]any{"type": "column", "columnId": l.columnID(len(l.columns) - 1)}, "desc", 10
		}
		s["scale"], s["params"] = "ordinal", map[string]any{"size": size, "orderBy": order, "orderDirection": direction, "otherBucket": false, "missingBucket": false, "parentFormat": map[string]any{"id": "terms"}}
	case "last_value":
		s["params"] = map[string]any{"sortField": "@timestamp", "showArrayValues": false}
		s["filter"] = kql(c.Field + " : *")
		if s["dataType"] == "string" {
			s["scale"] = "ordinal"
		}
	case "count", "unique_count":
		s["params"] = map[string]any{"emptyAsNull": false}
	default:
		s["params"] = map[string]any{"emptyAsNull": true}
	}
	return s
}

func (p *lensPanel) references() []reference {
	var all []reference
	for _, l := range p.layers {
		all = append(all, reference{"index-pattern", dataViewID, "indexpattern-datasource-layer-" + l.id})
	}
	return all
}

func (p *lensPanel) panel(m *mapper) map[string]any {
	layers := make(map[string]any)
	for _, l := range p.layers {
		columns, order := make(map[string]any), []string{}
		for i := range l.columns {
			columns[l.columnID(i)] = l.state(m, i)
			order = append(order, l.columnID(i))
		}
		layers[l.id] = map[string]any{"columns": columns, "columnOrder": order, "incompleteColumns": map[string]any{}}
	}
	return map[string]any{"type": "lens", "embeddableConfig": map[string]any{"enhancements": map[string]any{}, "hidePanelTitles": false, "attributes": map[string]any{
		"title": "", "type": "lens", "visualizationType": p.kind, "references": p.references(),
		"state": map[string]any{
			"datasourceStates": map[string]any{"formBased": map[string]any{"layers": layers}},
			"visualization":    p.visualization, "query": kql(p.query), "filters": []any{}, "internalReferences": []any{}, "adHocDataViews": map[string]any{},
		},
	}}}
}

// tile is one number.
func tile(query string, c column) lensPanel {
	l := layer{"tile", []column{c}}
	return lensPanel{"lnsMetric", query, []layer{l}, map[string]any{"layerId": l.id, "layerType": "data", "metricAccessor": l.columnID(0)}}
}

// table has a line for each combination of the keys.
func table(query string, keys []string, values ...column) lensPanel {
	l := layer{id: "table"}
	for _, k := range keys {
		l.columns = append(l.columns, column{"terms", k, k[strings.LastIndex(k, ".")+1:]})
	}
	l.columns[1].Label, l.columns[2].Label = "pod", "container"
	l.columns = append(l.columns, values...)
	var shown []any
	for i := range l.columns {
		shown = append(shown, map[string]any{"columnId": l.columnID(i), "isTransposed": false})
	}
	return lensPanel{"lnsDatatable", query, []layer{l}, map[string]any{"layerId": l.id, "layerType": "data", "columns": shown}}
}

// xy is a chart over time.
func xy(query string, layers []layer, shown ...map[string]any) lensPanel {
	on, off := map[string]any{"x": true, "yLeft": true, "yRight": true}, map[string]any{"x": false, "yLeft": false, "yRight": false}
	var all []any
	for i, s := range shown {
		s["layerId"], s["layerType"], s["xAccessor"] = layers[i].id, "data", layers[i].columnID(slices.Index(layers[i].columns, overTime))
		all = append(all, s)
	}
	return lensPanel{"lnsXY", query, layers, map[string]any{
		"layers": all, "preferredSeriesType": shown[0]["seriesType"], "legend": map[string]any{"isVisible": true, "position": "right"}, "valueLabels": "hide", "fittingFunction": "None",
		"axisTitlesVisibilitySettings": off, "tickLabelsVisibilitySettings": on, "gridlinesVisibilitySettings": on,
		"yLeftExtent": map[string]any{"mode": "full"}, "yRightExtent": map[string]any{"mode": "full"},
	}}
}

var overTime = column{"date_histogram", "@timestamp", "time"}

// rowColors are told apart by colour-blind eyes as well, mostly by their lightness
// (Okabe and Ito, Tol).
var rowColors = map[breakdown.RowName]string{
	breakdown.Heap: "#0072B2", breakdown.Metaspace: "#56B4E9", breakdown.ThreadStacks: "#E69F00", breakdown.CodeCache: "#F0E442", breakdown.GC: "#009E73",
	breakdown.Native: "#CC79A7", breakdown.Libraries: "#999999", breakdown.OtherProcesses: "#882255", breakdown.MappedFiles: "#DDCC77",
	breakdown.Shmem: "#44AA99", breakdown.PageCache: "#DDDDDD", breakdown.Kernel: "#332288", "unattributed": "#666666",
}

// memoryByRow stacks the rows, and draws usage and the limit over them.
func memoryByRow() lensPanel {
	rows := layer{"rows", []column{overTime}}
	over := layer{"limit", []column{overTime, {"average", "jvmem.limit_bytes", "limit"}, {"average", "jvmem.usage_bytes", "usage"}}}
	var accessors []string
	var colors []any
	for i, row := range []breakdown.RowName{
		breakdown.Heap, breakdown.Metaspace, breakdown.ThreadStacks, breakdown.CodeCache, breakdown.GC, breakdown.Native, breakdown.Libraries,
		breakdown.OtherProcesses, breakdown.MappedFiles, breakdown.Shmem, breakdown.Kernel, breakdown.PageCache, "unattributed",
	} {
		rows.columns = append(rows.columns, column{"average", "jvmem.row_bytes." + string(row), string(row)})
		accessors = append(accessors, rows.columnID(i+1))
		colors = append(colors, map[string]any{"forAccessor": rows.columnID(i + 1), "color": rowColors[row], "axisMode": "left"})
	}
	return xy(breakdowns, []layer{rows, over},
		map[string]any{"seriesType": "area_stacked", "accessors": accessors, "yConfig": colors},
		map[string]any{"seriesType": "line", "accessors": []string{over.columnID(1), over.columnID(2)}, "yConfig": []any{
			map[string]any{"forAccessor": over.columnID(1), "color": "#D55E00", "axisMode": "left"},
			map[string]any{"forAccessor": over.columnID(2), "color": "#69707D", "axisMode": "left"},
		}})
}

// byPod draws a field for the ten pods that have most of it.
func byPod(field string) lensPanel {
	l := layer{"pods", []column{{"terms", podField, "pod"}, overTime, {"max", field, field[strings.LastIndex(field, ".")+1:]}}}
	return xy(breakdowns, []layer{l}, map[string]any{"seriesType": "line", "accessors": []string{l.columnID(2)}, "splitAccessor": l.columnID(0)})
}
