def read(path):
    lines = []
    for number, line in enumerate(open(path)):
        try:
            name, amount = line.split()
            lines.append({"name": name, "amount": int(amount)})
        except ValueError, error:
            print "line %d is left out: %s" % (number, error)
    return lines
