package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Pool puts several clients behind one MCP server on a pair of streams, with the habits of pools
// and gateways that do so: it gives each request an id of its own, forwards the initialize of every
// client, passes on notifications, cancellations too, as they are, with ids that only their client
// knows, and sends to all clients what the server does not send as the answer to a request.
type Pool struct {
	child   io.ReadWriteCloser
	writing sync.Mutex // of child; taken without mu

	mu      sync.Mutex
	next    int
	open    map[int]pooled // by the id that the server knows
	clients []*poolClient
}

// pooled is a request that the server has not answered.
type pooled struct {
	client *poolClient
	id     json.RawMessage // as its client gave it
}

// NewPool begins to serve the clients that Join a server. It ends with the output of the server.
func NewPool(child io.ReadWriteCloser) *Pool {
	p := &Pool{child: child, open: make(map[int]pooled)}
	go p.receive()
	return p
}

// Join returns the streams of a new client. To close them leaves the pool; the last client that
// leaves closes the server.
func (p *Pool) Join() io.ReadWriteCloser {
	c := &poolClient{pool: p}
	c.Reader, c.out = io.Pipe()
	c.lines = make(chan []byte, 4096)
	go c.deliver()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients = append(p.clients, c)
	return c
}

// Pending returns the ids, as the server knows them, of the requests that it has not answered.
func (p *Pool) Pending() (ids []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.open {
		ids = append(ids, id)
	}
	return ids
}

func (p *Pool) receive() {
	lines := bufio.NewReader(p.child)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			p.route(line)
		}
		if err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, c := range p.clients {
				close(c.lines)
			}
			p.clients = nil
			return
		}
	}
}

// route gives an answer to the client that asked, and everything else to all.
func (p *Pool) route(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var message map[string]json.RawMessage
	var id int
	if json.Unmarshal(line, &message) == nil && message["method"] == nil && json.Unmarshal(message["id"], &id) == nil {
		asked, ok := p.open[id]
		if !ok {
			return
		}
		delete(p.open, id)
		message["id"] = asked.id
		line, _ = json.Marshal(message)
		asked.client.take(append(line, '\n'))
		return
	}
	for _, c := range p.clients {
		c.take(line)
	}
}

// send passes a message of a client on.
func (p *Pool) send(c *poolClient, line []byte) error {
	var message map[string]json.RawMessage
	if err := json.Unmarshal(line, &message); err != nil {
		return err
	}
	if id := message["id"]; id != nil && message["method"] != nil {
		p.mu.Lock()
		p.next++
		p.open[p.next] = pooled{client: c, id: id}
		message["id"] = json.RawMessage(fmt.Sprint(p.next))
		p.mu.Unlock()
		line, _ = json.Marshal(message)
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	_, err := p.child.Write(append(bytes.Clone(line), '\n'))
	return err
}

// leave takes a client out, and ends the server after the last one.
func (p *Pool) leave(c *poolClient) error {
	p.mu.Lock()
	left := 0
	for i, other := range p.clients {
		if other == c {
			p.clients = append(p.clients[:i:i], p.clients[i+1:]...)
			close(c.lines)
			left = len(p.clients) + 1
			break
		}
	}
	p.mu.Unlock()
	if left == 1 {
		return p.child.Close()
	}
	return nil
}

// poolClient is the end of one client.
type poolClient struct {
	io.Reader
	pool  *Pool
	out   *io.PipeWriter
	lines chan []byte // to the client

	mu      sync.Mutex
	partial []byte // of a line that is not whole
}

// take queues a line for the client; one that does not read loses it. The caller holds Pool.mu.
func (c *poolClient) take(line []byte) {
	select {
	case c.lines <- line:
	default:
	}
}

func (c *poolClient) deliver() {
	for line := range c.lines {
		if _, err := c.out.Write(line); err != nil {
			for range c.lines { // until it leaves
			}
			return
		}
	}
	_ = c.out.Close()
}

// Write takes messages of the client, a line each.
func (c *poolClient) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = append(c.partial, b...)
	for {
		line, rest, whole := bytes.Cut(c.partial, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		c.partial = rest
		if err := c.pool.send(c, line); err != nil {
			return 0, err
		}
	}
}

// Close implements io.Closer.
func (c *poolClient) Close() error {
	err := c.pool.leave(c)
	_ = c.out.Close()
	return err
}
