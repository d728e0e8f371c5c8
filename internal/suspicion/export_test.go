package suspicion

// CountLanguages reads the language files anew.
func CountLanguages() (int, error) {
	lex, err := loadLexicon(languageFiles)
	if err != nil {
		return 0, err
	}
	return lex.languages, nil
}
