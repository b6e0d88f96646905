package jfr

import "strconv"

// class describes the layout of an event type or of a type of values.
type class struct {
	id     int64
	name   string
	kind   kind
	fields []field
	// pooled: values of it can be reached from a wanted event, so its constants are kept.
	pooled bool
}

type field struct {
	name     string
	class    int64
	constant bool // the value is a key of the pool of the class
	array    bool
}

// kind is how values of a class are encoded.
type kind uint8

const (
	composite kind = iota // its fields, one after another
	oneByte
	twoBytes
	fourBytes
	eightBytes
	float
	double
	text
)

// primitives are the classes whose values are not fields.
var primitives = map[string]kind{
	"boolean": oneByte, "byte": oneByte, "short": twoBytes, "char": twoBytes, "int": fourBytes, "long": eightBytes,
	"float": float, "double": double, "java.lang.String": text,
}

// stringClass is the class of the pool of strings.
const stringClass = "java.lang.String"

// maxElements is the depth of the tree of elements: root, metadata, class, field, annotation.
const maxElements = 16

// metadata decodes the classes of a metadata record, whose header was read.
type metadata struct {
	cursor  *cursor
	strings []string
	classes map[int64]*class
}

// parseMetadata returns the classes by ID.
func parseMetadata(c *cursor) (map[int64]*class, error) {
	m := metadata{cursor: c, classes: make(map[int64]*class)}
	c.long() // start
	c.long() // duration
	c.long() // ID of the metadata
	for n := c.count(); n > 0 && c.err == nil; n-- {
		s, _, _ := c.text()
		m.strings = append(m.strings, s)
	}
	m.element(nil, 0)
	return m.classes, c.err
}

func (m *metadata) string() string {
	i := m.cursor.int()
	if i < 0 || i >= int64(len(m.strings)) {
		m.cursor.fail(ErrMalformed)
		return ""
	}
	return m.strings[i]
}

// element decodes an element and those in it. in is the class that it describes, if any.
func (m *metadata) element(in *class, depth int) {
	if depth > maxElements {
		m.cursor.fail(ErrMalformed)
		return
	}
	name := m.string()
	var id, typeName, dimension, fieldClass, constant string
	for n := m.cursor.count(); n > 0 && m.cursor.err == nil; n-- {
		key, value := m.string(), m.string()
		switch key {
		case "id":
			id = value
		case "name":
			typeName = value
		case "class":
			fieldClass = value
		case "constantPool":
			constant = value
		case "dimension":
			dimension = value
		}
	}
	switch {
	case name == "class":
		in = m.class(id, typeName)
	case name == "field" && in != nil:
		in.fields = append(in.fields, field{typeName, m.id(fieldClass), constant == "true", dimension == "1"})
		in = nil
	case name != "metadata" && name != "root":
		in = nil
	}
	for n := m.cursor.count(); n > 0 && m.cursor.err == nil; n-- {
		m.element(in, depth+1)
	}
}

func (m *metadata) class(id, name string) *class {
	c := &class{id: m.id(id), name: name, kind: primitives[name]}
	m.classes[c.id] = c
	return c
}

func (m *metadata) id(s string) int64 {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		m.cursor.fail(ErrMalformed)
	}
	return id
}

// markPooled marks the classes whose constants an event of this class can refer to.
func markPooled(classes map[int64]*class, c *class, strings *class) {
	if c == nil || c.pooled {
		return
	}
	c.pooled = true
	if c.kind == text && strings != nil {
		strings.pooled = true
	}
	for _, f := range c.fields {
		markPooled(classes, classes[f.class], strings)
	}
}
