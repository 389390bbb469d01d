module playvirt.io/cluster/pause

go 1.26
