package sandbox

func postGraphQL(c *call) (any, error) { return nil, notFound() }
