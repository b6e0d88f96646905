package cli

// The help has the order of kubectl's. The flags that select a cluster are those of kubectl,
// and are not repeated.
const (
	helpTemplate = `{{with (or .Long .Short)}}{{.}}

{{end}}{{.UsageString}}`

	usageTemplate = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{if .HasAvailableSubCommands}}Commands:
{{range .Commands}}{{if .IsAvailableCommand}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}Options:
{{.LocalNonPersistentFlags.FlagUsages}}
{{end}}Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} [command] [options]{{else}}{{.UseLine}}{{end}}

Use "kubectl options" for the options that select a cluster, a namespace and a user: they apply here too.
`
)
