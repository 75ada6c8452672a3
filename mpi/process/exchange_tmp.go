package process

// exchangeBlocks gives blocks of equal size of all members to all.
func (p *Process) exchangeBlocks(c *Comm, mine []byte) ([][]byte, error) {
	blocks := make([][]byte, c.size())
	context := c.internal(99)
	for i, m := range c.group.members {
		blocks[i] = make([]byte, len(mine))
		if i == c.rank {
			copy(blocks[i], mine)
			continue
		}
		if err := p.tell(context, m, 0, mine); err != nil {
			return nil, err
		}
	}
	for i, m := range c.group.members {
		if i == c.rank {
			continue
		}
		if err := p.hear(context, m, 0, blocks[i]); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}
