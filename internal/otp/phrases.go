package otp

// atHost reports "@host #482033" that is no origin-bound line.
func (p *page) atHost(c *candidate) bool {
	return c.start > 2 && p.form[c.start-1] == '#' && (p.form[c.start-3] == maskRune || isLetter(p.form[c.start-3]))
}

// means reports "... with 482033": what the sentence named before is not what
// the number is.
func (p *page) means(c *candidate) bool {
	_, at := p.before(c.start)
	end := at + 1
	for at >= 0 && p.form[at] != ' ' && end-at < 9 {
		at--
	}
	return end > 0 && words().exact[string(p.fold[at+1:end])]&clWithWord != 0
}

// orLink reports whether only an "or" stands between a code and a bare URL.
func (p *page) orLink(end int) bool {
	i := end
	for i < len(p.form) && i-end < 4 && (p.form[i] == ' ' || p.form[i] == ',' || p.form[i] == '\n' || p.form[i] == '.' || p.form[i] == '-' || p.form[i] == '，' || p.form[i] == '/') {
		i++
	}
	from := i
	for i < len(p.form) && i-from < 8 && p.form[i] > ' ' && p.form[i] != ':' {
		i++
	}
	if words().exact[string(p.fold[from:i])]&clOrWord == 0 {
		return false
	}
	for i < len(p.form) && (p.form[i] == ' ' || p.form[i] == ':' || p.form[i] == '\n') {
		i++
	}
	return i < len(p.form) && p.form[i] == maskRune
}

// afterOr reports whether the word before offset i is an "or".
func (p *page) afterOr(i int) bool {
	for i--; i >= 0 && (p.form[i] == ' ' || p.form[i] == ':' || p.form[i] == '\n'); i-- {
	}
	end := i + 1
	for i >= 0 && isLetter(p.form[i]) && end-i < 9 {
		i--
	}
	return end > 0 && words().exact[string(p.fold[i+1:end])]&clOrWord != 0
}
