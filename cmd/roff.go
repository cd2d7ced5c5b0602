package cmd

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// commandPage is the page of one command, in the language of man(7).
func commandPage(c *cobra.Command, day string) string {
	var r roff
	name := pageName(c)
	r.line(".TH %s 8 %s sysctr \"System containers\"", plain(strings.ToUpper(name)), day)
	r.line(".SH NAME")
	r.line("%s \\- %s", plain(name), plain(lower(c.Short)))
	r.line(".SH SYNOPSIS")
	r.line(".B %s", plain(c.CommandPath()))
	if rest := strings.TrimPrefix(c.UseLine(), c.CommandPath()); rest != "" {
		r.line("%s", plain(strings.TrimSpace(rest)))
	}
	long, status, _ := strings.Cut(c.Long, "Exit status:\n")
	if long == "" {
		long = c.Short + "."
	}
	r.line(".SH DESCRIPTION")
	r.prose(long)
	if len(c.Aliases) > 0 {
		r.line(".PP")
		r.line("Also called %s.", plain(strings.Join(c.Aliases, ", ")))
	}
	r.commands(c)
	r.options("OPTIONS", flagsOf(c, false))
	r.options("OPTIONS OF EVERY COMMAND", flagsOf(c, true))
	if c.Example != "" {
		r.line(".SH EXAMPLES")
		r.prose(c.Example)
	}
	r.status(status)
	r.seeAlso(c)
	return r.text.String()
}

// roff is a page in the making.
type roff struct{ text strings.Builder }

// line writes one line. What of it is not ours has been through plain.
func (r *roff) line(format string, args ...any) {
	fmt.Fprintf(&r.text, format+"\n", args...)
}

// prose writes paragraphs, which blank lines divide. Lines that are indented are taken as they are.
func (r *roff) prose(text string) {
	paragraph, literal := true, false // of the line before
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		line = strings.TrimRight(line, " \n")
		indented := strings.HasPrefix(line, " ")
		switch {
		case literal && !indented:
			r.line(".EE")
			r.line(".RE")
		case !literal && indented:
			if !r.begins() {
				r.line(".PP")
			}
			r.line(".RS 4")
			r.line(".EX")
		}
		literal = indented
		if line == "" {
			paragraph = true
			continue
		}
		if paragraph && !indented && !r.begins() {
			r.line(".PP")
		}
		paragraph = false
		r.line("%s", plain(strings.TrimPrefix(line, "  ")))
	}
	if literal {
		r.line(".EE")
		r.line(".RE")
	}
}

// begins tells whether a section has just begun; no paragraph is opened there.
func (r *roff) begins() bool {
	lines := strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
	return strings.HasPrefix(lines[len(lines)-1], ".SH ")
}

// commands lists what is below a command, by group where there are groups.
func (r *roff) commands(c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	r.line(".SH COMMANDS")
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{}}
	}
	for _, g := range groups {
		if g.Title != "" {
			r.line(".SS %s", plain(strings.TrimSuffix(g.Title, ":")))
		}
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() && below.GroupID == g.ID {
				r.line(".TP")
				r.line(".BR %s (8)", plain(pageName(below)))
				r.line("%s.", plain(below.Short))
			}
		}
	}
}

// option is what a page says of a flag.
type option struct{ name, short, value, text string }

// flagsOf are the flags of a command's own, or those that every command has.
func flagsOf(c *cobra.Command, every bool) []option {
	set := c.LocalNonPersistentFlags()
	if every {
		set = c.Root().PersistentFlags()
	}
	var all []option
	for _, f := range gather(set.VisitAll) {
		if f.Hidden || f.Name == "help" || f.Usage == "" {
			continue
		}
		o := option{name: f.Name, short: f.Shorthand, value: f.Value.Type(), text: strings.ToUpper(f.Usage[:1]) + f.Usage[1:] + "."}
		switch o.value {
		case "bool":
			o.value = ""
		case "stringArray": // pflag's own word
			o.value, o.text = "value", o.text+" May be given several times."
		}
		switch f.DefValue {
		case "", "false", "[]", "0", "0s":
		default:
			o.text += " The default is " + f.DefValue + "."
		}
		all = append(all, o)
	}
	return all
}

// gather returns what a visitor visits. Its type parameter is for pflag's Flag: cobra depends on that package, and we do not.
func gather[T any](visit func(func(T))) []T {
	var all []T
	visit(func(each T) { all = append(all, each) })
	return all
}

// options is a section of flags, left out if there are none.
func (r *roff) options(title string, all []option) {
	if len(all) == 0 {
		return
	}
	r.line(".SH %s", title)
	for _, o := range all {
		name := `\fB` + plain("--"+o.name) + `\fR`
		if o.short != "" {
			name = `\fB` + plain("-"+o.short) + `\fR, ` + name
		}
		if o.value != "" {
			name += ` \fI` + plain(o.value) + `\fR`
		}
		r.line(".TP")
		r.line("%s", name)
		r.line("%s", plain(o.text))
	}
}

// status is the section of exit codes, from what output.ExitStatus wrote below its title.
func (r *roff) status(text string) {
	if text == "" {
		return
	}
	r.line(".SH EXIT STATUS")
	for line := range strings.Lines(text) {
		number, meaning, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			number, meaning = "other", number
		}
		r.line(".TP")
		r.line(".B %s", plain(number))
		r.line("%s", plain(strings.TrimSpace(meaning)))
	}
}

func (r *roff) seeAlso(c *cobra.Command) {
	r.line(".SH SEE ALSO")
	if c.HasParent() {
		r.line(".BR %s (8),", plain(pageName(c.Parent())))
	}
	r.line(".BR %s (7),", plain(c.Root().Name()))
	r.line(".BR %s (5)", plain(c.Root().Name()+"-profile"))
}

// plain gives text that stands in a page as it is: nothing of it is a request or an escape, and - is the sign that a shell takes.
func plain(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch c {
		case '\\':
			b.WriteString(`\e`)
		case '-':
			b.WriteString(`\-`)
		case '\'':
			b.WriteString(`\(aq`)
		case '`':
			b.WriteString(`\(ga`)
		case '^':
			b.WriteString(`\(ha`)
		case '~':
			b.WriteString(`\(ti`)
		case '"':
			b.WriteString(`\(dq`)
		case '…':
			b.WriteString("...")
		case '\t', '\n', '\r', utf8.RuneError:
			b.WriteByte(' ')
		default:
			if c < 0x80 {
				b.WriteRune(c)
			} else {
				fmt.Fprintf(&b, `\[u%04X]`, c)
			}
		}
	}
	if strings.HasPrefix(b.String(), ".") { // it would be a request; the other sign of one is never written as it is
		return `\&` + b.String()
	}
	return b.String()
}

// lower writes the first word of a sentence as it is written inside one.
func lower(text string) string {
	if text == "" {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}
