package ravi

// Origin returns where this client sends its requests, e.g. "https://ravi.app".
func (c *Client) Origin() string { return c.base }

// CanOpen reports whether the client has keys that open the account's
// end-to-end encrypted fields.
func (c *Client) CanOpen() bool {
	keys := c.keys.Load()
	return keys != nil && keys.CanOpen()
}
