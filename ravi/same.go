package ravi

// SameCredential reports whether c works with what other was made from: the same keys, or a token
// pair that c holds or has seen in its file, for the same Ravi. A caller who finds its credential
// refused uses it to tell a user's new login from the old credential found again; c keeps what it
// has learnt, such as minted keys and tokens that could not be saved.
func (c *Client) SameCredential(other *Client) bool {
	if c.creds.Scheme != other.creds.Scheme || c.base != other.base || c.creds.AuthFile != other.creds.AuthFile {
		return false
	}
	mine, ok := c.auth.(*tokenAuthority)
	if !ok {
		return c.creds.ManagementKey.Equal(other.creds.ManagementKey) && c.creds.IdentityKey.Equal(other.creds.IdentityKey)
	}
	theirs, ok := other.auth.(*tokenAuthority)
	return ok && mine.main.knows(theirs.main) && (mine.second == nil) == (theirs.second == nil) &&
		(mine.second == nil || mine.second.knows(theirs.second))
}

// knows reports whether the access token of q is p's, or was in its file.
func (p *pair) knows(q *pair) bool {
	q.mu.Lock()
	access := q.access
	q.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.access.Equal(access) || p.inFile.Equal(access)
}
